;; Wants the files of the host.
(module
  (import "extism:host/env" "read_file" (func (param i64) (result i64)))
  (func (export "handle")))
