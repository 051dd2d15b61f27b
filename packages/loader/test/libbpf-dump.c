/*
 * libbpf-dump OBJECT PROGRAM prints what libbpf is about to give to the kernel: the program after relocation, with its
 * subprograms appended, right before BPF_PROG_LOAD, which it never comes to. The oracle of libbpf.native.test.ts.
 *
 *   map FD NAME
 *   insns HEX
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct bpf_object *object;

static int print_and_exit(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const unsigned char *bytes = (const unsigned char *)bpf_program__insns(prog);
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		printf("map %d %s\n", bpf_map__fd(map), bpf_map__name(map));
	printf("insns ");
	for (size_t i = 0; i < 8 * bpf_program__insn_cnt(prog); i++)
		printf("%02x", bytes[i]);
	printf("\n");
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = print_and_exit);
	struct bpf_program *prog;
	struct bpf_map *map;
	char section[256] = "";

	object = argc == 3 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!object)
		return 2;
	prog = bpf_object__find_program_by_name(object, argv[2]);
	if (!prog)
		return 3;
	strncpy(section, bpf_program__section_name(prog), sizeof(section) - 1);

	/* A handler is looked up while an object is opened, and by the name of the section. */
	if (libbpf_register_prog_handler(section, BPF_PROG_TYPE_SOCKET_FILTER, 0, &handler) < 0)
		return 4;
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		return 5;
	bpf_object__for_each_program(prog, object)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), argv[2]));
	bpf_object__for_each_map(map, object)
		bpf_map__set_pin_path(map, NULL);
	bpf_object__load(object);
	return 6;
}
