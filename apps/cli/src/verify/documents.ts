/** Explanations and annotations as JSON has them: nothing is undefined, sources are objects or null. */
import type { Annotation, Cause, Explanation, InsnPlace } from '@polybpf/verifier';

const placeDocument = ({ insn, text, source }: InsnPlace): object => ({ insn, text, source: source ?? null });

const causeDocument = (cause: Cause): object => ({
  ...placeDocument(cause),
  kind: cause.kind,
  name: cause.name,
  value: cause.value,
  before: cause.before ?? null,
});

/** A refusal, explained. */
export function explanationDocument(explanation: Explanation): object {
  const { at, subject, lost, causes, path, ...rest } = explanation;
  return {
    ...rest,
    at: at === undefined ? null : placeDocument(at),
    subject: subject ?? null,
    lost: lost === undefined ? null : causeDocument(lost),
    causes: causes.map(causeDocument),
    path: path.map((step) => ({ ...placeDocument(step), branch: step.branch ?? null, changes: step.changes })),
  };
}

/** A program with its states. */
export function annotationDocument({ insns, profile, subprograms }: Annotation): object {
  return { insns: insns.map((insn) => ({ ...insn, source: insn.source ?? null })), profile, subprograms };
}
