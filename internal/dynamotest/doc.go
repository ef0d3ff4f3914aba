// Package dynamotest gives tests a DynamoDB: Amazon's DynamoDB Local, started once for a test binary when the
// first test asks for it, or a real table.
//
//	func TestMain(m *testing.M) { dynamotest.Main(m) }
//
//	func TestPut(t *testing.T) {
//		t.Parallel()
//		store, err := dynamoconn.New(dynamotest.Client(t), dynamotest.Table(t),
//			dynamoconn.WithNamespace(dynamotest.Namespace(t)))
//		...
//	}
//
// If the environment variable GATESOCK_DYNAMODB_TABLE names a table, the tests use that one on AWS: the region is
// taken from AWS_REGION, the credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and
// another endpoint from AWS_ENDPOINT_URL_DYNAMODB. What the tests have written there is deleted at the end.
//
// The table is the one that dynamo.DB.CreateTable makes for users, time to live and all: what has expired on the clock of the
// machine is deleted under the tests, in DynamoDB Local within seconds. A test whose store has a clock of its own begins at
// testclock.Noon, which is still to come. scripts/test-clock moves the clock of the machine, for the tests and for DynamoDB Local.
//
// DynamoDB Local is brought and run by scripts/dynamodb-local. A test that can't have it fails and says what is
// missing; none is skipped. Functions that take a [testing.TB] may be called from the goroutine of a test only,
// except [Namespace], which may be called from any.
package dynamotest
