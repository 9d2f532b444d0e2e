/* The table of version 1, place by place: what was built against it runs with every later Kiln. */
#include "kiln/plugin.h"

#define AT(type, member, place) \
  _Static_assert(offsetof(type, member) == (place) * sizeof(void*), #type "." #member " has moved")

AT(kiln_op_tensor, dtype, 0);
AT(kiln_op_tensor, dims, 1);
AT(kiln_op_tensor, size, 2);
AT(kiln_op_tensor, data, 3);
_Static_assert(sizeof(kiln_op_tensor) == 4 * sizeof(void*), "plugins make kiln_op_tensor themselves");

AT(kiln_op, struct_size, 0);
AT(kiln_op, domain, 1);
AT(kiln_op, name, 2);
AT(kiln_op, since, 3);
AT(kiln_op, signature, 4);
AT(kiln_op, attributes, 5);
AT(kiln_op, types, 6);
AT(kiln_op, user, 7);
AT(kiln_op, infer, 8);
AT(kiln_op, run, 9);

AT(kiln_plugin_api, version, 0);
AT(kiln_plugin_api, add_op, 1);
AT(kiln_plugin_api, input_count, 2);
AT(kiln_plugin_api, output_count, 3);
AT(kiln_plugin_api, input, 4);
AT(kiln_plugin_api, input_string, 5);
AT(kiln_plugin_api, attr_int, 6);
AT(kiln_plugin_api, attr_float, 7);
AT(kiln_plugin_api, attr_string, 8);
AT(kiln_plugin_api, attr_ints, 9);
AT(kiln_plugin_api, attr_floats, 10);
AT(kiln_plugin_api, attr_tensor, 11);
AT(kiln_plugin_api, set_type, 12);
AT(kiln_plugin_api, set_type_like, 13);
AT(kiln_plugin_api, output, 14);
AT(kiln_plugin_api, set_string, 15);
AT(kiln_plugin_api, parallel_for, 16);
AT(kiln_plugin_api, fail, 17);

int kiln_plugin_register(const kiln_plugin_api* api, kiln_registry* registry) {
  (void)registry;
  return api->version >= 1 ? 0 : 1;
}
