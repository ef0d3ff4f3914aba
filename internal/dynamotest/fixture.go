package dynamotest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamolocal"
)

// clients is how many connections the transport keeps.
const clients = 64

// database is where the tests of a binary keep their items.
type database struct {
	client *dynamodb.Client
	table  string
}

// fixture is what the tests of a binary share. Each of its functions does its work once.
type fixture struct {
	transport *http.Transport
	local     func() (*dynamodb.Client, error)
	database  func() (database, error)
	server    atomic.Pointer[dynamolocal.Server]
	run       string
	names     atomic.Uint64
}

func newFixture() *fixture {
	f := &fixture{
		transport: &http.Transport{MaxIdleConnsPerHost: clients, IdleConnTimeout: time.Minute},
		run:       strings.ToLower(rand.Text()[:12]),
	}
	f.local = sync.OnceValues(f.startLocal)
	f.database = sync.OnceValues(f.openDatabase)
	return f
}

func (f *fixture) namespace() string {
	return f.run + "x" + strconv.FormatUint(f.names.Add(1), 36)
}

// startLocal uses a context of its own, since the server outlives the first test that needs it.
func (f *fixture) startLocal() (*dynamodb.Client, error) {
	s, err := start(context.Background())
	if err != nil {
		return nil, fmt.Errorf("dynamotest: %w", err)
	}
	f.server.Store(s)
	return localClient(s.URL, f.transport), nil
}

func (f *fixture) openDatabase() (database, error) {
	if table := os.Getenv(tableVariable); table != "" {
		client, err := ambientClient(os.Getenv, f.transport)
		return database{client, table}, err
	}
	client, err := f.local()
	if err != nil {
		return database{}, err
	}
	const table = "gatesock-test"
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return database{client, table}, dynamo.Open(client, table).CreateTable(ctx)
}

// close leaves nothing behind: no items on a real table, no process, no connection.
func (f *fixture) close(ctx context.Context) error {
	defer f.transport.CloseIdleConnections()
	if s := f.server.Load(); s != nil {
		s.Close()
	}
	if os.Getenv(tableVariable) == "" || f.names.Load() == 0 {
		return nil
	}
	d, err := f.database()
	if err != nil {
		return nil // the tests that asked for it have failed with it
	}
	return d.purge(ctx, f.run)
}
