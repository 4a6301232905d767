module example/runtime

go 1.22
