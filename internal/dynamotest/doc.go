// Package dynamotest starts a DynamoDB for tests: Amazon's DynamoDB Local, once for a test binary
// when the first test needs it, or a real table.
//
//	func TestMain(m *testing.M) { dynamotest.Main(m) }
//
//	func TestPut(t *testing.T) {
//		t.Parallel()
//		db := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t),
//			dynamo.WithNamespace(dynamotest.Namespace(t)))
//		...
//	}
//
// If the environment variable GATESOCK_DYNAMODB_TABLE names a table, the tests use that table on
// AWS. The region comes from AWS_REGION, the credentials from AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and another endpoint from
// AWS_ENDPOINT_URL_DYNAMODB. At the end Main deletes what the tests have written there.
//
// The table is the one that dynamo.DB.CreateTable makes, with its time to live: items that have
// expired by the machine's clock disappear during the tests, in DynamoDB Local within seconds. So a
// test with a clock of its own begins at testclock.Noon, which is in the future.
// scripts/test-clock moves the clock of the machine, for the tests and for DynamoDB Local.
//
// scripts/dynamodb-local downloads and runs DynamoDB Local. If it is not available the tests fail
// with the reason; none is skipped. Only the goroutine of a test may call functions that take a
// [testing.TB]; any goroutine may call [Namespace].
package dynamotest
