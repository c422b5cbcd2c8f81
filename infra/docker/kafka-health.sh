#!/bin/bash
# Whether the broker answers: it is asked for the versions of its API and has to say so without an error. By hand, as
# Kafka's own tools start a Java machine for each question (and with it, by KAFKA_OPTS, a second agent on a taken port).
set -eu
exec 3<>/dev/tcp/127.0.0.1/9092
# Length 16, API 18 (ApiVersions) in version 0, correlation 1, client "health".
printf '\0\0\0\x10\0\x12\0\0\0\0\0\x01\0\x06health' >&3
# After its length: correlation 1, error 0.
answer=$(head -c 10 <&3 | od -An -v -tx1 | tr -d ' \n')
[[ ${answer:8} == 000000010000 ]]
