// Package cost computes what an application costs on AWS in a month: the traffic of its clients
// ([Traffic]) times the prices of a region ([Prices]) is a [Bill], part by part.
//
// It is for the command gatesock cost, and for the example in docs/costs.md. What it knows of the
// registry's units and sizes is compared with DynamoDB Local by the tests of package dynamo.
package cost
