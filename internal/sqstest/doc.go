// Package sqstest gives tests an SQS: a server of its protocol, started once for a test binary when the first test
// asks for it.
//
//	func TestMain(m *testing.M) { sqstest.Main(m) }
//
//	func TestSend(t *testing.T) {
//		t.Parallel()
//		relay, err := sqsrelay.New(sqstest.Client(t), sqstest.Queue(t, nil))
//		...
//	}
//
// The server is brought and run by scripts/sqs-local. A test that can't have it fails and says what is missing; none
// is skipped. Functions that take a [testing.TB] may be called from the goroutine of a test only.
package sqstest
