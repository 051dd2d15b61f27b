/* libbpf-load OBJECT: loads all programs of an object through libbpf and the kernel; nothing is attached. */
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct bpf_object *object = argc == 2 ? bpf_object__open_file(argv[1], NULL) : NULL;

	if (!object || bpf_object__load(object))
		return 1;
	printf("loaded\n");
	bpf_object__close(object);
	return 0;
}
