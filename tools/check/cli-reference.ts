// docs/CLI.md from the commands themselves: what `--help` says, as Markdown.
import { buildCommand } from '../../apps/cli/src/command.ts';

type Command = ReturnType<typeof buildCommand>;
type Argument = Command['registeredArguments'][number];
type Option = Command['options'][number];

/** A command with the words that call it; commands that only hold others are left out. */
interface Entry {
  readonly name: string;
  readonly command: Command;
}

/** Every command of `polybpf` with its arguments and options. */
export function renderCliReference(): string {
  const entries = leaves(
    buildCommand(() => undefined),
    '',
  );
  const index = entries.map(
    ({ name, command }) => `| [\`${name}\`](#polybpf-${name.replaceAll(' ', '-')}) | ${command.description()} |`,
  );
  return ['', '| command | what it does |', '| --- | --- |', ...index, '', ...entries.flatMap(section)].join('\n');
}

function leaves(parent: Command, prefix: string): Entry[] {
  return parent.commands.flatMap((command) => {
    const name = `${prefix}${command.name()}`;
    return command.commands.length === 0 ? [{ name, command }] : leaves(command, `${name} `);
  });
}

function section({ name, command }: Entry): string[] {
  const { registeredArguments: args, options } = command;
  return [
    `## polybpf ${name}`,
    '',
    `${sentence(command.description())}`,
    '',
    '```text',
    ['polybpf', name, ...args.map(argumentTerm), '[options]'].join(' '),
    '```',
    '',
    ...(args.length === 0 ? [] : [...args.map((argument) => `- ${code(argumentTerm(argument))}: ${argument.description}`), '']), // prettier-ignore
    '| option | meaning |',
    '| --- | --- |',
    ...options.map((option) => `| ${code(option.flags)} | ${cell(optionMeaning(option))} |`),
    '',
  ];
}

function argumentTerm(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? name : `[${name}]`;
}

function optionMeaning(option: Option): string {
  const parts = [option.description];
  if (option.argChoices !== undefined) parts.push(`one of ${option.argChoices.map(code).join(', ')}`);
  if (typeof option.defaultValue === 'string') parts.push(`default ${code(option.defaultValue)}`);
  if (option.mandatory) parts.push('must be given');
  return parts.join('; ');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Inside a table a bar ends the cell, also in code. */
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function cell(text: string): string {
  return text.replace(/(?<!\\)\|/g, '\\|');
}
