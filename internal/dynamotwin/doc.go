// Package dynamotwin is a DynamoDB table in memory, for tests that make more requests than a real
// one answers, or that must choose the order in which requests are carried out.
//
// It answers what package dynamo asks for, as DynamoDB does, apart from scans, sizes and capacity.
// That it does is not taken on trust: [Compare] makes each request of a real table, too, and the
// tests of this package and of package dynamo compare the twin with DynamoDB Local. What the twin
// does not know is a panic that names it.
package dynamotwin
