/** Calls of functions of the program. */
import type { CalleeSet } from './build-program.ts';
import { afterCall, type Area, define, emit, type FunctionContext, readable, undefine, writable } from './function-context.ts'; // prettier-ignore
import type { ParameterShape, Pick, StatementShape } from './program-shape.ts';

/** Bytes that a function may touch behind a parameter of kind `buffer`. */
export const BUFFER_BYTES = 16;

/** Lowers a call; one that cannot be made here, or would make the program too long, is left out. */
export function lowerCall(cx: FunctionContext, statement: StatementShape & { kind: 'call' }, callees: CalleeSet): void {
  const callee = callees.pick(statement.callee);
  if (callee === undefined) return;
  if (cx.cost + cx.times * (callee.cost + 8) > cx.costLimit) return;
  const { parameters } = callee;
  if (!parameters.every((parameter) => parameter === 'number' || areasFor(cx, parameter).length > 0)) return;
  let set = 0;
  parameters.forEach((parameter, i) => {
    lowerArgument(cx, parameter, i + 1, statement.args[i]!, set);
    set |= 2 << i;
  });
  callees.note(callee);
  const via = statement.byRegister ? writable(cx, statement.callee, set) : undefined;
  if (via === undefined) emit(cx, 'call_local', { target: callee.entry });
  else {
    emit(cx, 'ld_imm64_func', { dst: via, target: callee.entry });
    emit(cx, 'callx', { dst: via });
    undefine(cx, via);
  }
  cx.cost += cx.times * callee.cost;
  afterCall(cx);
}

function lowerArgument(
  cx: FunctionContext,
  parameter: ParameterShape,
  register: number,
  pick: Pick,
  set: number,
): void {
  // prettier-ignore
  if (parameter === 'number') {
    const from = readable(cx, pick, set);
    if (from !== register) emit(cx, 'mov64_reg', { dst: register, src: from });
    define(cx, register);
    return;
  }
  const areas = areasFor(cx, parameter);
  const { home, delta, bytes } = areas[pick % areas.length]!;
  const spare = parameter === 'buffer' ? Math.floor((bytes - BUFFER_BYTES) / 8) : 0;
  const move = delta + 8 * (pick % (spare + 1));
  if ('register' in home) emit(cx, 'mov64_reg', { dst: register, src: home.register });
  else emit(cx, 'ldxdw', { dst: register, src: 10, offset: home.slot });
  if (move !== 0) emit(cx, 'add64_imm', { dst: register, imm: move });
  undefine(cx, register);
}

/** Areas that may be passed for a parameter. The memory as a whole must be passed from its start. */
function areasFor(cx: FunctionContext, parameter: ParameterShape): Area[] {
  if (parameter === 'memory') return cx.areas.filter(({ kind }) => kind === 'memory');
  return cx.areas.filter(({ bytes }) => bytes >= BUFFER_BYTES);
}
