export { createCoverage } from './coverage.ts';
export type { BranchCoverage, Coverage, FileCoverage, FunctionCoverage, LineCoverage } from './coverage.ts';
export { bpfMatchers, sameValue } from './matchers.ts';
export type { BpfMatchers, MatcherResult } from './matchers.ts';
export { mockHelper } from './mock-helper.ts';
export type { HelperCall, HelperContext, MockedHelper } from './mock-helper.ts';
