/* Runs a model with one input of floats: feeds it ones, prints the first elements of its first output. */

#include <kiln/kiln.h>
#include <stdio.h>

enum { largest_rank = 8, shown = 10 };

/* A tensor of ones for an input; a dim that is no number is 1. */
static kiln_status make_ones(const kiln_port* port, kiln_value** tensor) {
  int64_t dims[largest_rank];
  const int64_t rank = kiln_port_rank(port);
  if (rank < 0 || rank > largest_rank || kiln_port_dtype(port) != KILN_F32) return KILN_UNSUPPORTED;
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t dim = kiln_port_dim(port, (size_t)i);
    dims[i] = dim > 0 ? dim : 1;
  }
  kiln_status status = kiln_tensor_create(KILN_F32, dims, (size_t)rank, tensor);
  if (status != KILN_OK) return status;
  void* data;
  size_t bytes;
  status = kiln_tensor_mutable_data(*tensor, &data, &bytes);
  if (status != KILN_OK) return status;
  for (size_t i = 0; i < bytes / sizeof(float); ++i) ((float*)data)[i] = 1.0f;
  return KILN_OK;
}

static kiln_status print_floats(const kiln_value* tensor) {
  const void* data;
  size_t bytes;
  const kiln_status status = kiln_tensor_data(tensor, &data, &bytes);
  if (status != KILN_OK) return status;
  for (size_t i = 0; i < bytes / sizeof(float) && i < shown; ++i) printf(" %g", ((const float*)data)[i]);
  printf("\n");
  return KILN_OK;
}

static kiln_status run(kiln_session* session) {
  const char* const input_name = kiln_port_name(kiln_session_input(session, 0));
  const char* const output_name = kiln_port_name(kiln_session_output(session, 0));
  kiln_value* input = NULL;
  kiln_value* output = NULL;
  kiln_status status = make_ones(kiln_session_input(session, 0), &input);
  if (status == KILN_OK) {
    const kiln_value* const inputs[] = {input};
    status = kiln_session_run(session, &input_name, inputs, 1, &output_name, 1, &output, NULL);
  }
  if (status == KILN_OK) {
    printf("%s:", output_name);
    status = print_floats(output);
  }
  kiln_value_free(input);
  kiln_value_free(output);
  return status;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: example MODEL.onnx\n");
    return 2;
  }
  kiln_session* session = NULL;
  kiln_status status = kiln_session_load(argv[1], &session);
  if (status == KILN_OK) status = run(session);
  if (status != KILN_OK) fprintf(stderr, "%s: %s\n", kiln_status_name(status), kiln_last_error());
  kiln_session_free(session);
  return status == KILN_OK ? 0 : 1;
}
