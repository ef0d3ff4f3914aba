module github.com/gatesock/gatesock/bench

go 1.26

require (
	github.com/aws/aws-lambda-go v1.55.1
	github.com/gatesock/gatesock v0.0.0
	github.com/gobwas/ws v1.5.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/gatesock/gatesock => ../
