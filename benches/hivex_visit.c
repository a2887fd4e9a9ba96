/* Walks a hive with hivex's own visitor, every value as its type, and counts. For benches/peers_registry.sh. */
#include <hivex.h>
#include <stdio.h>

struct counts { size_t keys, values; };

static int key(hive_h *h, void *c, hive_node_h n, const char *name) { ((struct counts *)c)->keys++; return 0; }
static int text(hive_h *h, void *c, hive_node_h n, hive_value_h v, hive_type t, size_t l, const char *k, const char *s) { ((struct counts *)c)->values++; return 0; }
static int texts(hive_h *h, void *c, hive_node_h n, hive_value_h v, hive_type t, size_t l, const char *k, char **s) { ((struct counts *)c)->values++; return 0; }
static int dword(hive_h *h, void *c, hive_node_h n, hive_value_h v, hive_type t, size_t l, const char *k, int32_t s) { ((struct counts *)c)->values++; return 0; }
static int qword(hive_h *h, void *c, hive_node_h n, hive_value_h v, hive_type t, size_t l, const char *k, int64_t s) { ((struct counts *)c)->values++; return 0; }

int main(int argc, char **argv) {
  struct counts counts = { 0, 0 };
  struct hivex_visitor visitor = { .node_start = key, .value_string = text, .value_multiple_strings = texts,
    .value_string_invalid_utf16 = text, .value_dword = dword, .value_qword = qword, .value_binary = text,
    .value_none = text, .value_other = text };
  hive_h *hive = hivex_open(argv[1], 0);
  if (!hive || hivex_visit(hive, &visitor, sizeof visitor, &counts, HIVEX_VISIT_SKIP_BAD)) { perror(argv[1]); return 1; }
  printf("%zu keys, %zu values\n", counts.keys, counts.values);
  return 0;
}
