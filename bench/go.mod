module github.com/gatesock/gatesock/bench

go 1.26

require (
	github.com/aws/aws-lambda-go v1.55.1
	github.com/gatesock/gatesock v0.0.0
)

replace github.com/gatesock/gatesock => ../
