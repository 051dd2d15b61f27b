// The system tools that tests, demo and benchmarks call, by the Debian package that brings each. `probe` is what must
// be there: a program on PATH, or a file by its absolute path (any one of the listed files is enough).

/**
 * @typedef {object} SystemTool
 * @property {string} debianPackage
 * @property {readonly string[]} programs every one of these must be on PATH
 * @property {readonly string[]} [anyFile] one of these must exist
 * @property {readonly ('run' | 'c' | 'test')[]} neededFor `run`: execute code of another CPU; `c`: native C to compare
 *   with; `test`: oracles and compilers that only tests use
 */

/** @type {readonly SystemTool[]} */
export const SYSTEM_TOOLS = [
  {
    debianPackage: 'qemu-user',
    programs: [
      'qemu-aarch64',
      'qemu-arm',
      'qemu-armeb',
      'qemu-loongarch64',
      'qemu-mips64',
      'qemu-mips64el',
      'qemu-ppc64',
      'qemu-ppc64le',
      'qemu-riscv64',
      'qemu-s390x',
      'qemu-sparc64',
      'qemu-x86_64',
    ],
    neededFor: ['run'],
  },
  { debianPackage: 'gcc', programs: ['gcc'], neededFor: ['c'] },
  {
    debianPackage: 'libc6-dev',
    programs: [],
    anyFile: ['/usr/include/stdio.h'],
    neededFor: ['c'],
  },
  { debianPackage: 'binutils', programs: ['as', 'ld', 'objdump', 'objcopy'], neededFor: ['c'] },
  {
    debianPackage: 'binutils-aarch64-linux-gnu',
    programs: ['aarch64-linux-gnu-as', 'aarch64-linux-gnu-ld', 'aarch64-linux-gnu-objdump'],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-arm-linux-gnueabi',
    programs: [
      'arm-linux-gnueabi-as',
      'arm-linux-gnueabi-ld',
      'arm-linux-gnueabi-objdump',
      'arm-linux-gnueabi-objcopy',
      'arm-linux-gnueabi-readelf',
    ],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-mips64-linux-gnuabi64',
    programs: [
      'mips64-linux-gnuabi64-as',
      'mips64-linux-gnuabi64-ld',
      'mips64-linux-gnuabi64-objdump',
      'mips64-linux-gnuabi64-objcopy',
    ],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-mips64el-linux-gnuabi64',
    programs: [
      'mips64el-linux-gnuabi64-as',
      'mips64el-linux-gnuabi64-ld',
      'mips64el-linux-gnuabi64-objdump',
      'mips64el-linux-gnuabi64-objcopy',
    ],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-powerpc64-linux-gnu',
    programs: ['powerpc64-linux-gnu-as', 'powerpc64-linux-gnu-ld', 'powerpc64-linux-gnu-objdump'],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-powerpc64le-linux-gnu',
    programs: ['powerpc64le-linux-gnu-as', 'powerpc64le-linux-gnu-ld', 'powerpc64le-linux-gnu-objdump'],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-riscv64-linux-gnu',
    programs: ['riscv64-linux-gnu-as', 'riscv64-linux-gnu-ld', 'riscv64-linux-gnu-objdump'],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-s390x-linux-gnu',
    programs: ['s390x-linux-gnu-as', 's390x-linux-gnu-ld', 's390x-linux-gnu-objdump'],
    neededFor: ['test'],
  },
  {
    debianPackage: 'binutils-sparc64-linux-gnu',
    programs: [
      'sparc64-linux-gnu-as',
      'sparc64-linux-gnu-ld',
      'sparc64-linux-gnu-objdump',
      'sparc64-linux-gnu-objcopy',
    ],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-aarch64-linux-gnu', programs: ['aarch64-linux-gnu-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-arm64-cross',
    programs: [],
    anyFile: ['/usr/aarch64-linux-gnu/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-arm-linux-gnueabi', programs: ['arm-linux-gnueabi-gcc'], neededFor: ['test'] },
  { debianPackage: 'gcc-mips64-linux-gnuabi64', programs: ['mips64-linux-gnuabi64-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-mips64-cross',
    programs: [],
    anyFile: ['/usr/mips64-linux-gnuabi64/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-mips64el-linux-gnuabi64', programs: ['mips64el-linux-gnuabi64-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-mips64el-cross',
    programs: [],
    anyFile: ['/usr/mips64el-linux-gnuabi64/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-powerpc64-linux-gnu', programs: ['powerpc64-linux-gnu-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-ppc64-cross',
    programs: [],
    anyFile: ['/usr/powerpc64-linux-gnu/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-powerpc64le-linux-gnu', programs: ['powerpc64le-linux-gnu-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-ppc64el-cross',
    programs: [],
    anyFile: ['/usr/powerpc64le-linux-gnu/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-riscv64-linux-gnu', programs: ['riscv64-linux-gnu-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-riscv64-cross',
    programs: [],
    anyFile: ['/usr/riscv64-linux-gnu/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-s390x-linux-gnu', programs: ['s390x-linux-gnu-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-s390x-cross',
    programs: [],
    anyFile: ['/usr/s390x-linux-gnu/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'gcc-sparc64-linux-gnu', programs: ['sparc64-linux-gnu-gcc'], neededFor: ['test'] },
  {
    debianPackage: 'libc6-dev-sparc64-cross',
    programs: [],
    anyFile: ['/usr/sparc64-linux-gnu/include/stdio.h'],
    neededFor: ['test'],
  },
  { debianPackage: 'clang-14', programs: ['clang-14'], neededFor: ['test'] },
  { debianPackage: 'llvm-14', programs: ['llvm-mc-14', 'llvm-objdump-14'], neededFor: ['test'] },
  { debianPackage: 'clang-19', programs: ['clang-19'], neededFor: ['test'] },
  { debianPackage: 'lld-19', programs: ['ld.lld-19'], neededFor: ['test'] },
  { debianPackage: 'llvm-19', programs: ['llvm-mc-19', 'llvm-objdump-19'], neededFor: ['test'] },
  { debianPackage: 'gcc-bpf', programs: ['bpf-gcc'], neededFor: ['test'] },
  { debianPackage: 'bpftool', programs: ['bpftool'], neededFor: ['test'] },
  { debianPackage: 'libbpf-dev', programs: [], anyFile: ['/usr/include/bpf/libbpf.h'], neededFor: ['test'] },
  { debianPackage: 'libbpf-tools', programs: [], anyFile: ['/usr/sbin/tcplife'], neededFor: ['test'] },
  {
    debianPackage: 'golang-github-cilium-ebpf-dev',
    programs: [],
    anyFile: ['/usr/share/gocode/src/github.com/cilium/ebpf/elf_reader.go'],
    neededFor: ['test'],
  },
  { debianPackage: 'wabt', programs: ['spectest-interp'], neededFor: ['test'] },
  { debianPackage: 'chromium', programs: ['chromium'], neededFor: ['test'] },
  { debianPackage: 'pkg-config', programs: ['pkg-config'], neededFor: ['test'] },
  { debianPackage: 'binutils-bpf', programs: ['bpf-as', 'bpf-objdump'], neededFor: ['test'] },
];
