#ifndef KILN_KILN_H
#define KILN_KILN_H

/*
 * Kiln's C ABI.
 *
 * Every function that can fail returns a kiln_status; kiln_last_error() then says in words what went wrong. Handles
 * are opaque and belong to the caller, who gives each back to its kiln_..._free function once (a null handle is
 * fine there). Pointers that a function hands out into a handle live as long as the handle. An out parameter is
 * written only where the function returns KILN_OK.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum kiln_status {
  KILN_OK = 0,
  KILN_INVALID_ARGUMENT = 1, /* the caller asked for something impossible: a wrong name, type, shape or option */
  KILN_INVALID_MODEL = 2,    /* the model breaks a rule of its format */
  KILN_INVALID_DATA = 3,     /* a tensor, picture or array file cannot be understood */
  KILN_NOT_FOUND = 4,        /* no such file, model, input or node */
  KILN_IO = 5,               /* the operating system refused to read or write */
  KILN_UNSUPPORTED = 6,      /* valid, but not something this build of Kiln can do */
  KILN_LIMIT_EXCEEDED = 7,   /* larger than a limit that protects the process; the message names the knob */
  KILN_OUT_OF_MEMORY = 8,
  KILN_CANCELLED = 9, /* stopped because the caller asked for it */
  KILN_INTERNAL = 10  /* a fault in Kiln itself: please report it */
} kiln_status;

/* Element types, with the numbers of ONNX's TensorProto.DataType. Types narrower than a byte take a byte for each
 * element. */
typedef enum kiln_dtype {
  KILN_UNDEFINED = 0,
  KILN_F32 = 1,
  KILN_U8 = 2,
  KILN_I8 = 3,
  KILN_U16 = 4,
  KILN_I16 = 5,
  KILN_I32 = 6,
  KILN_I64 = 7,
  KILN_STRING = 8,
  KILN_BOOL = 9,
  KILN_F16 = 10,
  KILN_F64 = 11,
  KILN_U32 = 12,
  KILN_U64 = 13,
  KILN_C64 = 14,
  KILN_C128 = 15,
  KILN_BF16 = 16,
  KILN_F8E4M3FN = 17,
  KILN_F8E4M3FNUZ = 18,
  KILN_F8E5M2 = 19,
  KILN_F8E5M2FNUZ = 20,
  KILN_U4 = 21,
  KILN_I4 = 22,
  KILN_F4E2M1 = 23,
  KILN_F8E8M0 = 24,
  KILN_U2 = 25,
  KILN_I2 = 26,
  KILN_F6E2M3 = 27,
  KILN_F6E3M2 = 28,
  KILN_DTYPE_FORCE_32_BITS = 0x7fffffff /* any other number is a value of the type too, and refused */
} kiln_dtype;

typedef enum kiln_kind {
  KILN_NONE = 0, /* an empty optional */
  KILN_TENSOR = 1,
  KILN_SPARSE = 2,
  KILN_SEQUENCE = 3,
  KILN_MAP = 4
} kiln_kind;

typedef struct kiln_model kiln_model;
typedef struct kiln_engine kiln_engine;
typedef struct kiln_session kiln_session;
typedef struct kiln_port kiln_port;
typedef struct kiln_value kiln_value;
typedef struct kiln_cancel kiln_cancel;

/* "0.1.0" */
const char* kiln_version(void);
/* What went wrong in this thread's latest call that failed; "" before the first. Good until its next call. */
const char* kiln_last_error(void);
/* "invalid model" */
const char* kiln_status_name(kiln_status status);

/* Threads used by all sessions of the process; 0 takes what the CPU affinity and the cgroup quota allow. */
kiln_status kiln_set_threads(int count);
int kiln_threads(void);
/* Sets an option that `kiln knobs` lists. */
kiln_status kiln_set_knob(const char* name, const char* value);
/* Loads a library of custom operators (kiln/plugin.h), which stays until the process ends. */
kiln_status kiln_load_plugin(const char* path);

/* ---- models ---- */

/* Reads an ONNX file. The file must not change while the model or a session made of it lives. */
kiln_status kiln_model_load(const char* path, kiln_model** model);
/* Reads an ONNX model from memory. The bytes are copied. */
kiln_status kiln_model_from_memory(const void* bytes, size_t size, kiln_model** model);
void kiln_model_free(kiln_model* model);

/* ---- engines: models made ready for this machine, to be kept in a file ---- */

/* Moves the model into an engine, as kiln_session_create does. Options by name and value, all with a default:
 * "tune" (off, fast, full), "time_budget_seconds", "prefer" (balanced, speed, memory), "math" (fast, strict),
 * "isa" (avx2,avx512: instruction sets to choose from when it runs), "providers" (kiln,onednn), "threads",
 * "verify" (true, false), "rewrite" (true, false), "profile" (x=1x3x32x32:1x3x640x640:1x3x4096x4096: the least, typical
 * and largest shape of an input with open dims; may come several times). */
kiln_status kiln_engine_build(kiln_model* model, const char* const* option_names, const char* const* option_values,
                              size_t option_count, kiln_engine** engine);
/* Maps an engine file, which must not change while the engine or a session made of it lives. The structure is verified
 * always, the weights where asked for. */
kiln_status kiln_engine_load(const char* path, bool verify_weights, kiln_engine** engine);
/* `strip` leaves out names of nodes and inner values, and descriptions. */
kiln_status kiln_engine_save(const kiln_engine* engine, const char* path, bool strip);
void kiln_engine_free(kiln_engine* engine);

/* ---- sessions: models that are ready to run; each may be used by several threads at once ---- */

/* Moves the model into a session. The empty handle of the model still has to be freed; nothing else can be done with
 * it. `seed` is for random operators without one of their own; 0 takes a new one. */
kiln_status kiln_session_create(kiln_model* model, uint64_t seed, kiln_session** session);
/* A session of an engine, which may be freed before it. Sessions of one engine share its weights. */
kiln_status kiln_session_of_engine(const kiln_engine* engine, uint64_t seed, kiln_session** session);
/* Loads an ONNX file or an engine file and makes a session of it. */
kiln_status kiln_session_load(const char* path, kiln_session** session);
void kiln_session_free(kiln_session* session);

size_t kiln_session_input_count(const kiln_session* session);
size_t kiln_session_output_count(const kiln_session* session);
/* Inputs and outputs in the model's order; null for an index out of range. They belong to the session. */
const kiln_port* kiln_session_input(const kiln_session* session, size_t index);
const kiln_port* kiln_session_output(const kiln_session* session, size_t index);

const char* kiln_port_name(const kiln_port* port);
/* As ONNX writes it: "tensor(float)", "seq(tensor(int64))", "map(string,tensor(float))". */
const char* kiln_port_type(const kiln_port* port);
/* Of a tensor; else KILN_UNDEFINED. */
kiln_dtype kiln_port_dtype(const kiln_port* port);
/* -1 while it is not known. */
int64_t kiln_port_rank(const kiln_port* port);
/* A dim's number; -1 for one that is symbolic or unknown. */
int64_t kiln_port_dim(const kiln_port* port, size_t axis);
/* A dim's symbol or expression ("batch", "2*h+1"); "" for one that is a number or unknown. */
const char* kiln_port_symbol(const kiln_port* port, size_t axis);
/* Whether an input may be left out. */
bool kiln_port_optional(const kiln_port* port);

/* Runs the model. `output_names` says what is wanted; where it is null all outputs are, and `output_count` must be
 * their number. `outputs` gets a new value for each, which the caller frees. Inputs are read in place and must not
 * change meanwhile. `cancel` may be null. */
kiln_status kiln_session_run(kiln_session* session, const char* const* input_names, const kiln_value* const* inputs,
                             size_t input_count, const char* const* output_names, size_t output_count,
                             kiln_value** outputs, const kiln_cancel* cancel);
/* Most bytes that a run may take, of those that begin after it: the memory that it works in, kept plans and its
 * outputs, not its inputs and weights. What needs more is done in a way that takes less, or refused before it starts
 * with KILN_LIMIT_EXCEEDED, naming the least. 0 takes what the knob max_memory says. */
kiln_status kiln_session_set_max_memory(kiln_session* session, int64_t bytes);
/* Gives the memory kept between runs back to the system, plans included. Without a run for some time (knob
 * idle_memory_ms) all but the plans is given back by itself. */
kiln_status kiln_session_trim(kiln_session* session);

/* Bytes that a session holds while no run is under way. */
typedef struct kiln_memory {
  int64_t weights; /* constants as the model has them, mapped from its file where they lie in one */
  int64_t packed;  /* laid out for kernels; mapped too, where the session is of an engine file */
  int64_t arena;   /* that runs have worked in */
  int64_t scratch; /* of it, most that a step of the latest run took beside its inputs and outputs */
  int64_t plans;   /* of plan_count plans, one for each shape of the inputs */
  int64_t plan_count;
  int64_t kept; /* of values that were freed, for those of the next run */
} kiln_memory;
kiln_status kiln_session_memory(const kiln_session* session, kiln_memory* memory);

/* A flag that stops the runs that were given it, set from any thread. */
kiln_status kiln_cancel_create(kiln_cancel** cancel);
void kiln_cancel_set(kiln_cancel* cancel, bool stop);
void kiln_cancel_free(kiln_cancel* cancel);

/* ---- values ---- */

kiln_kind kiln_value_kind(const kiln_value* value);
void kiln_value_free(kiln_value* value);

/* A tensor with elements of its own, all zero or empty. A null `dims` is allowed for rank 0. */
kiln_status kiln_tensor_create(kiln_dtype dtype, const int64_t* dims, size_t rank, kiln_value** tensor);
/* A tensor of elements that someone else owns; `size` in bytes must be what dtype and dims need. Not for strings.
 * `release`, where given, is called with `owner` once nothing uses the elements any more, and not when this fails. */
kiln_status kiln_tensor_borrow(kiln_dtype dtype, const int64_t* dims, size_t rank, const void* data, size_t size,
                               void (*release)(void* owner), void* owner, kiln_value** tensor);
/* A tensor of strings, copied. Where `lengths` is null each text ends at its zero byte. */
kiln_status kiln_tensor_from_strings(const char* const* texts, const size_t* lengths, const int64_t* dims, size_t rank,
                                     kiln_value** tensor);

kiln_status kiln_tensor_dtype(const kiln_value* tensor, kiln_dtype* dtype);
kiln_status kiln_tensor_dims(const kiln_value* tensor, const int64_t** dims, size_t* rank);
/* Number of elements. */
kiln_status kiln_tensor_size(const kiln_value* tensor, size_t* size);
/* The elements in row-major order and their size in bytes; `size` may be null. Not for strings. */
kiln_status kiln_tensor_data(const kiln_value* tensor, const void** data, size_t* size);
/* The same to write to: only for a tensor of kiln_tensor_create that no run has seen. */
kiln_status kiln_tensor_mutable_data(kiln_value* tensor, void** data, size_t* size);
/* One string, which is followed by a zero byte; `length` may be null. */
kiln_status kiln_tensor_string(const kiln_value* tensor, size_t index, const char** text, size_t* length);

/* `dtype` is that of the elements' tensors, for a sequence without any. The items are shared, not taken over. */
kiln_status kiln_sequence_create(const kiln_value* const* items, size_t count, kiln_dtype dtype, kiln_value** sequence);
kiln_status kiln_sequence_size(const kiln_value* sequence, size_t* size);
/* A new handle for one item. */
kiln_status kiln_sequence_item(const kiln_value* sequence, size_t index, kiln_value** item);

/* Keys (integers or strings) and values are tensors of rank 1 and one size. */
kiln_status kiln_map_create(const kiln_value* keys, const kiln_value* values, kiln_value** map);
/* New handles for them. */
kiln_status kiln_map_keys(const kiln_value* map, kiln_value** keys);
kiln_status kiln_map_values(const kiln_value* map, kiln_value** values);

/* New handles for the values [n] of a sparse tensor and their places: [n] into the flattened tensor, or [n, rank]. */
kiln_status kiln_sparse_values(const kiln_value* sparse, kiln_value** values);
kiln_status kiln_sparse_indices(const kiln_value* sparse, kiln_value** indices);
kiln_status kiln_sparse_dims(const kiln_value* sparse, const int64_t** dims, size_t* rank);

#ifdef __cplusplus
}
#endif

#endif
