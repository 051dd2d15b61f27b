import { nativeConfig } from '../../vitest.shared.ts';

export default nativeConfig(import.meta.dirname);
