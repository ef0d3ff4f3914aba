// Package sqstest runs an SQS server for tests. It starts once for a test binary, when the first
// test asks for it.
//
//	func TestMain(m *testing.M) { sqstest.Main(m) }
//
//	func TestSend(t *testing.T) {
//		t.Parallel()
//		relay, err := sqsrelay.New(sqstest.Client(t), sqstest.Queue(t, nil))
//		...
//	}
//
// scripts/sqs-local installs and runs the server. If that fails, the tests that need it fail and
// name what is missing; none is skipped. Call functions that take a [testing.TB] only from the
// goroutine of the test.
package sqstest
