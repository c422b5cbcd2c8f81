// Holds every dashboard against Grafana's own types: writes them as TypeScript, which tsc then checks.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const [folder, out] = process.argv.slice(2);
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const text = `
import type { AnnotationQuery, Dashboard, DataQuery } from '@grafana/schema';

// In JSON an enum is its value.
type Plain<T> = T extends string ? \`\${T}\`
  : T extends number ? (number extends T ? number : \`\${T}\` extends \`\${infer N extends number}\` ? N : never)
  : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;
type Annotations = { list?: AnnotationQuery<DataQuery & { expr?: string }>[] };
type Checked = Plain<Omit<Dashboard, 'annotations'> & { annotations?: Annotations }>;

${names.map((name, i) => `export const d${i} = ${readFileSync(`${folder}/${name}`, 'utf8').trim()} satisfies Checked;`).join('\n')}
`;
writeFileSync(out, text);
console.log(`${names.length} dashboards: ${names.join(', ')}`);
