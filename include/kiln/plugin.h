#ifndef KILN_PLUGIN_H
#define KILN_PLUGIN_H

/*
 * Custom operators in C: the one header that a plugin needs. It links to nothing of Kiln.
 *
 * A plugin is a shared library with a function kiln_plugin_register, which adds operators:
 *
 *     static int run(const kiln_plugin_api* api, kiln_op_call* call, void* user) { ... return 0; }
 *
 *     int kiln_plugin_register(const kiln_plugin_api* api, kiln_registry* registry) {
 *       kiln_op op = {sizeof(kiln_op), "mine", "Twice", 1, "X:T -> Y:T", "", "T=f32", 0, 0, run};
 *       return api->add_op(registry, &op);
 *     }
 *
 * `kiln --plugin lib.so ...`, kiln_load_plugin(), kiln::load_plugin() and kiln.load_plugin() load it. This table is
 * frozen: what comes later is added at its end and raises `version`, so that a plugin runs with every later Kiln.
 *
 * Element types are numbers of ONNX's TensorProto.DataType (1 is float, 7 int64). Types narrower than a byte take a
 * byte for each element. Functions of an operator may be called from several threads at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KILN_PLUGIN_VERSION 1

typedef struct kiln_registry kiln_registry;
/* A node that is run, or whose outputs' types are asked for. Pointers into it are good during the call. */
typedef struct kiln_op_call kiln_op_call;

typedef struct kiln_op_tensor {
  int32_t dtype;       /* 0 while it is not known */
  int32_t rank;        /* -1 while it is not known */
  const int64_t* dims; /* -1 for one that is not known */
  size_t size;         /* number of elements; 0 in `infer` */
  const void* data;    /* row-major; null for strings, and in `infer` */
} kiln_op_tensor;

typedef struct kiln_plugin_api kiln_plugin_api;
typedef struct kiln_op {
  size_t struct_size; /* sizeof(kiln_op) */
  const char* domain; /* one that is not ONNX's own */
  const char* name;
  int32_t since; /* the version of the domain that it came with */
  /* Texts of a schema, null for "anything". `signature`: "X:T W:T B?:T -> Y:T", where `?` is optional, `*` is
   * variadic and `~` variadic of mixed types. `attributes`: "axis!:int alpha:float=0.5 pads:ints", where `!` is
   * required. `types`: "T=f16,f32,f64 I=i32,i64". */
  const char* signature;
  const char* attributes;
  const char* types;
  void* user; /* handed to the functions */
  /* States the outputs' types with set_type; may be null. What follows such a node is not planned ahead. */
  int (*infer)(const kiln_plugin_api* api, kiln_op_call* call, void* user);
  /* Fills in the outputs. Other than 0 is a failure, which `fail` puts into words. */
  int (*run)(const kiln_plugin_api* api, kiln_op_call* call, void* user);
} kiln_op;

struct kiln_plugin_api {
  uint32_t version; /* KILN_PLUGIN_VERSION of the Kiln that loads the plugin */

  /* Copies the operator. 0, or another number, which kiln_plugin_register is to return. */
  int (*add_op)(kiln_registry* registry, const kiln_op* op);

  size_t (*input_count)(const kiln_op_call* call);
  size_t (*output_count)(const kiln_op_call* call);
  /* False for an input that is left out or is no tensor. */
  bool (*input)(const kiln_op_call* call, size_t index, kiln_op_tensor* tensor);
  /* One element of a tensor of strings, which is followed by a zero byte; null where there is none. */
  const char* (*input_string)(const kiln_op_call* call, size_t index, size_t element, size_t* length);

  /* Attributes, or the defaults that the schema states; false where there is neither, or it is of another type. */
  bool (*attr_int)(const kiln_op_call* call, const char* name, int64_t* value);
  bool (*attr_float)(const kiln_op_call* call, const char* name, float* value);
  bool (*attr_string)(const kiln_op_call* call, const char* name, const char** text, size_t* length);
  bool (*attr_ints)(const kiln_op_call* call, const char* name, const int64_t** values, size_t* count);
  bool (*attr_floats)(const kiln_op_call* call, const char* name, const float** values, size_t* count);
  bool (*attr_tensor)(const kiln_op_call* call, const char* name, kiln_op_tensor* tensor);

  /* In `infer`: `rank` is -1 and a dim -1 while they are not known. */
  bool (*set_type)(kiln_op_call* call, size_t index, int32_t dtype, const int64_t* dims, int32_t rank);
  /* In `infer`: the output is like an input, symbolic dims and all. */
  bool (*set_type_like)(kiln_op_call* call, size_t index, size_t input);
  /* In `run`: memory for an output, not initialised; null where it cannot be had: return a failure then. For strings
   * it is not to be written to; set_string is for them. */
  void* (*output)(kiln_op_call* call, size_t index, int32_t dtype, const int64_t* dims, int32_t rank);
  bool (*set_string)(kiln_op_call* call, size_t index, size_t element, const char* text, size_t length);

  /* In `run`: splits [0, count) over the threads in pieces of at least `grain`, and returns when all are done. */
  void (*parallel_for)(kiln_op_call* call, int64_t count, int64_t grain,
                       void (*body)(void* argument, int64_t begin, int64_t end), void* argument);
  /* Says what went wrong. Returns 1, to be returned. */
  int (*fail)(kiln_op_call* call, const char* message);
};

/* What a plugin has. 0 where all went well. */
int kiln_plugin_register(const kiln_plugin_api* api, kiln_registry* registry);

#ifdef __cplusplus
}
#endif

#endif
