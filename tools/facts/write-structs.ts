// Writes tools/facts/context-structs.json: fields of the context structs, from the BTF of the running kernel. They are uapi,
// so that any kernel that is new enough gives the same; a native test of packages/helpers compares.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contextStructs } from './context-structs.ts';

const file = join(import.meta.dirname, 'context-structs.json');
const structs = Object.entries(contextStructs()).map(([name, fields]) => `  ${JSON.stringify(name)}: [\n${fields.map((field) => `    ${JSON.stringify(field)}`).join(',\n')}\n  ]`); // prettier-ignore
writeFileSync(file, `{\n${structs.join(',\n')}\n}\n`);
console.log(`${file}: ${structs.length} structs`);
