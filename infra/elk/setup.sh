#!/bin/bash
# Puts the templates into Elasticsearch and the saved objects into Kibana. Run again it puts the same.
set -eu
cd "$(dirname "$0")"
elasticsearch=http://elasticsearch:9200 kibana=http://kibana:5601

put() { # KIND, and the suffix of its files
  local file name
  for file in elasticsearch/*."$2".json; do
    name=${file##*/}
    curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/json' --data-binary "@$file" "$elasticsearch/$1/${name%."$2".json}"
    echo "$1 ${name%."$2".json}"
  done
}

put _component_template component
put _index_template template
curl -fsS -X POST -H 'kbn-xsrf: glasshouse' -F file=@kibana.ndjson "$kibana/api/saved_objects/_import?overwrite=true" | grep '"success":true'
