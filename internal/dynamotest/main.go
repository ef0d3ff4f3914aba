package dynamotest

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"go.uber.org/goleak"
)

// current is the fixture between the start and the end of Main. Tests have no other way to what
// TestMain has made.
var current atomic.Pointer[fixture] //nolint:gochecknoglobals // one server for a test binary is the point

// Main is for TestMain. It runs the tests, removes what they left on a real table, stops DynamoDB
// Local, looks for goroutines that were left running, and exits. m is a [*testing.M], or what
// [github.com/gatesock/gatesock/internal/sqstest.With] makes of it.
func Main(m interface{ Run() int }) {
	f := newFixture()
	current.Store(f)
	code := m.Run()
	err := f.close(context.Background())
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Client returns the client of DynamoDB Local, or of AWS if GATESOCK_DYNAMODB_TABLE is set. It is
// the same for all tests, and keeps connections for 64 calls at a time. Deadlines do not end its
// requests, so that no result depends on how fast the machine is. Cancellation does.
func Client(tb testing.TB) *dynamodb.Client {
	tb.Helper()
	return open(tb).client
}

// Table names a table for the whole test binary. Tests keep out of each other's way by [Namespace].
func Table(tb testing.TB) string {
	tb.Helper()
	return open(tb).table
}

// Namespace returns a namespace that no other test has: lower-case letters and digits. A test that
// makes many stores asks for one each time.
func Namespace(tb testing.TB) string {
	tb.Helper()
	return of(tb).namespace()
}

// Local returns the client of DynamoDB Local even if GATESOCK_DYNAMODB_TABLE is set, for tests that
// make tables of their own.
func Local(tb testing.TB) *dynamodb.Client {
	tb.Helper()
	client, err := of(tb).local()
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

func open(tb testing.TB) database {
	tb.Helper()
	d, err := of(tb).database()
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func of(tb testing.TB) *fixture {
	tb.Helper()
	f := current.Load()
	if f == nil {
		tb.Fatal("dynamotest: TestMain has to call dynamotest.Main")
	}
	return f
}
