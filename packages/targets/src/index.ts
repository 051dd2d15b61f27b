export { ALL_TARGETS, PLANNED_TARGETS, targetByName, targetsByList } from './all-targets.ts';
