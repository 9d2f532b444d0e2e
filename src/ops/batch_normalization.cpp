#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText batch_normalization_versions[] = {
    {1, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "consumed_inputs!:ints epsilon:float=9.99999975e-06 is_test:int=0 momentum:float=0.899999976 "
     "spatial:int=1",
     "T=real"},
    {6, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "epsilon:float=9.99999975e-06 is_test:int=0 momentum:float=0.899999976 spatial:int=1",
     "T=real"},
    {7, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976 spatial:int=1",
     "T=real"},
    {9, "X:T scale:T B:T mean:T var:T -> Y:T mean?:T var?:T saved_mean?:T saved_var?:T",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976",
     "T=real"},
    {14, "X:T scale:T B:T input_mean:U input_var:U -> Y:T running_mean?:U running_var?:U",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976 training_mode:int=0",
     "T=real,bf16 U=real,bf16"},
    {15, "X:T scale:T1 B:T1 input_mean:T2 input_var:T2 -> Y:T running_mean?:T2 running_var?:T2",
     "epsilon:float=9.99999975e-06 momentum:float=0.899999976 training_mode:int=0",
     "T=real,bf16 T1=real,bf16 T2=real,bf16"},
};

}  // namespace

extern const OpDef batch_normalization_op{"", "BatchNormalization", batch_normalization_versions};

}  // namespace kiln::ops
