// Holds every template against Elasticsearch's own types: writes them as TypeScript, which tsc then checks.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const [folder, out] = process.argv.slice(2);
const kinds = { component: 'ClusterPutComponentTemplateRequest', template: 'IndicesPutIndexTemplateRequest' };
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const typed = names.map((name, i) => {
  const type = kinds[name.split('.')[1]];
  return `export const t${i} = ${readFileSync(`${folder}/${name}`, 'utf8').trim()} satisfies Omit<estypes.${type}, 'name'>;`;
});
writeFileSync(out, `import type { estypes } from '@elastic/elasticsearch';\n${typed.join('\n')}\n`);
console.log(`${names.length} templates: ${names.join(', ')}`);
