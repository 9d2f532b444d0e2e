/* Operators of domain "mine" in C: Scale, Reverse, Deeper, and some that fail. */
#include <kiln/plugin.h>
#include <string.h>

struct scaling {
  const float* from;
  float* to;
  float factor;
};

static void scale_part(void* argument, int64_t begin, int64_t end) {
  const struct scaling* const work = argument;
  for (int64_t i = begin; i < end; ++i) work->to[i] = work->from[i] * work->factor;
}

static int scale(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  kiln_op_tensor x;
  float factor = 0;
  if (!api->input(call, 0, &x)) return api->fail(call, "input 0 is missing");
  if (!api->attr_float(call, "factor", &factor)) return api->fail(call, "factor is missing");
  struct scaling work = {x.data, api->output(call, 0, x.dtype, x.dims, x.rank), factor * *(const float*)user};
  if (!work.to) return 1;
  api->parallel_for(call, (int64_t)x.size, 1024, scale_part, &work);
  return 0;
}

static int same_type(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  (void)user;
  return api->set_type_like(call, 0, 0) ? 0 : 1;
}

/* Turns the order of a list of texts, each with "suffix" behind it, as often as the list "repeats" says. */
static int reverse(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  (void)user;
  kiln_op_tensor x;
  const char* suffix = "";
  const int64_t* repeats = 0;
  size_t suffix_length = 0, count = 0;
  if (!api->input(call, 0, &x) || x.rank != 1) return api->fail(call, "expected a list");
  api->attr_string(call, "suffix", &suffix, &suffix_length);
  if (!api->attr_ints(call, "repeats", &repeats, &count) || count != 1) return api->fail(call, "expected one repeat");
  const int64_t dims[1] = {x.dims[0] * repeats[0]};
  if (!api->output(call, 0, x.dtype, dims, 1)) return 1;
  for (int64_t i = 0; i < dims[0]; ++i) {
    char text[100];
    size_t length = 0;
    const char* const from = api->input_string(call, 0, (size_t)(x.dims[0] - 1 - i % x.dims[0]), &length);
    if (!from || length + suffix_length > sizeof text) return api->fail(call, "a text is too long");
    memcpy(text, from, length);
    memcpy(text + length, suffix, suffix_length);
    api->set_string(call, 0, (size_t)i, text, length + suffix_length);
  }
  return 0;
}

/* One dim more, of 1. */
static int deeper_type(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  (void)user;
  kiln_op_tensor x;
  int64_t dims[9];
  if (!api->input(call, 0, &x) || x.rank > 8) return 1;
  for (int32_t i = 0; i < x.rank; ++i) dims[i] = x.dims[i];
  if (x.rank >= 0) dims[x.rank] = 1;
  return api->set_type(call, 0, x.dtype, dims, x.rank < 0 ? -1 : x.rank + 1) ? 0 : 1;
}

static int deeper(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  (void)user;
  kiln_op_tensor x, offset;
  int64_t dims[9];
  if (!api->input(call, 0, &x) || x.rank > 8) return api->fail(call, "expected at most 8 dims");
  for (int32_t i = 0; i < x.rank; ++i) dims[i] = x.dims[i];
  dims[x.rank] = 1;
  float* const to = api->output(call, 0, x.dtype, dims, x.rank + 1);
  if (!to || !api->attr_tensor(call, "offset", &offset) || offset.size != 1) return 1;
  for (size_t i = 0; i < x.size; ++i) to[i] = ((const float*)x.data)[i] + *(const float*)offset.data;
  return 0;
}

static int fails(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  (void)user;
  return api->fail(call, "it never works");
}

static int silent(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  (void)api, (void)call, (void)user;
  return 0;
}

static int too_large(const kiln_plugin_api* api, kiln_op_call* call, void* user) {
  (void)user;
  const int64_t dims[2] = {INT64_MAX, 4};
  return api->output(call, 0, 1, dims, 2) == 0;
}

int kiln_plugin_register(const kiln_plugin_api* api, kiln_registry* registry) {
  static float twice = 2;
  if (api->version < KILN_PLUGIN_VERSION) return 1;
  const kiln_op ops[] = {
      {sizeof(kiln_op), "mine.c", "Scale", 1, "X:T -> Y:T", "factor:float=0.5", "T=f32", &twice, same_type, scale},
      {sizeof(kiln_op), "mine.c", "Reverse", 1, "X:string -> Y:string", "repeats!:ints suffix:string", 0, 0, 0,
       reverse},
      {sizeof(kiln_op), "mine.c", "Deeper", 1, "X:T -> Y:T", "offset!:tensor", "T=f32", 0, deeper_type, deeper},
      {sizeof(kiln_op), "mine.c", "Fails", 1, 0, 0, 0, 0, 0, fails},
      {sizeof(kiln_op), "mine.c", "Silent", 1, 0, 0, 0, 0, 0, silent},
      {sizeof(kiln_op), "mine.c", "TooLarge", 1, 0, 0, 0, 0, 0, too_large},
  };
  for (size_t i = 0; i < sizeof ops / sizeof *ops; ++i) {
    if (api->add_op(registry, &ops[i])) return 1;
  }
  return 0;
}
