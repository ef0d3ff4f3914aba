package sqstest

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"go.uber.org/goleak"
)

// current is set while Main runs. Package variables are the only way from a test to its TestMain.
var current atomic.Pointer[fixture] //nolint:gochecknoglobals // one server for a test binary is the point

// Runner runs tests; a [*testing.M] does.
type Runner interface{ Run() int }

// Main is for TestMain. It runs the tests, ends the server, checks for leaked goroutines and exits.
func Main(m Runner) {
	code := With(m).Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// With returns a Runner for tests that need another server as well, which runs them and ends the
// SQS server:
//
//	func TestMain(m *testing.M) { dynamotest.Main(sqstest.With(m)) }
func With(m Runner) Runner { return runner{m} }

type runner struct{ tests Runner }

// Run runs the tests and returns the exit code.
func (r runner) Run() int {
	f := new(fixture)
	current.Store(f)
	code := r.tests.Run()
	if err := f.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Client returns the client of the server, the same for all tests.
func Client(tb testing.TB) *sqs.Client {
	tb.Helper()
	f := current.Load()
	if f == nil {
		tb.Fatal("sqstest: TestMain must call sqstest.Main")
	}
	client, err := f.client()
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// Queue makes a queue and returns its URL. The attributes are those of the CreateQueue operation.
func Queue(tb testing.TB, attributes map[string]string) string {
	tb.Helper()
	url, err := createQueue(tb.Context(), Client(tb), attributes)
	if err != nil {
		tb.Fatal(err)
	}
	return url
}

// QueueWithDeadLetters makes two queues and returns their URLs. A message that was received
// maxReceives times from the first and not deleted moves to the second.
func QueueWithDeadLetters(tb testing.TB, maxReceives int) (url, deadLetters string) {
	tb.Helper()
	deadLetters = Queue(tb, nil)
	policy, err := redrivePolicy(tb.Context(), Client(tb), deadLetters, maxReceives)
	if err != nil {
		tb.Fatal(err)
	}
	return Queue(tb, map[string]string{"RedrivePolicy": policy}), deadLetters
}
