package dynamo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/shard"
)

const (
	crowdSize   = 10_000
	crowdPage   = 100 // so that each shard has more than ten pages
	crowdShards = 8
	batch       = 25 // the most rows of a BatchWriteItem
	// handoverVariable names the file from which a process takes over a reading.
	handoverVariable = "GATESOCK_HANDOVER"
)

// handover is what one process leaves to the next: where the table is, and how far it has come in
// each shard.
type handover struct {
	Endpoint  string
	Table     string
	Namespace string
	Cursors   []conn.Cursor // of each shard; empty if it has been read to the end
	Output    string        // the file to write the rest of the ids to
}

func crowdStore(api dynamo.API, table, namespace string) *dynamo.Connections {
	return dynamo.Open(api, table, dynamo.WithNamespace(namespace), dynamo.WithPageSize(crowdPage-3),
		dynamo.WithSharding(func(string) dynamo.Sharding { return dynamo.Sharding{Write: crowdShards} })).Connections()
}

// Half of a large group is read in this process and the rest in another, which has nothing but the
// cursors.
func TestReadingAcrossARestart(t *testing.T) {
	t.Parallel()
	if file, ok := os.LookupEnv(handoverVariable); ok {
		takeOver(t, file)
		return
	}
	client := dynamotest.Client(t)
	h := handover{Table: dynamotest.Table(t), Namespace: dynamotest.Namespace(t), Output: filepath.Join(t.TempDir(), "rest")}
	if endpoint := client.Options().BaseEndpoint; endpoint != nil {
		h.Endpoint = *endpoint
	}
	store := crowdStore(client, h.Table, h.Namespace)
	fill(t, client, store, h)

	began := time.Now()
	whole := map[string]int{}
	for m, err := range conn.Members(t.Context(), store, "crowd") {
		require.NoError(t, err)
		whole[m.ID]++
	}
	requireCrowd(t, whole)
	t.Logf("read whole in %v", time.Since(began).Round(time.Millisecond))

	seen := map[string]int{}
	h.Cursors = make([]conn.Cursor, crowdShards)
	for i := range crowdShards {
		h.Cursors[i] = readSome(t, store, i, 3+i, seen)
		require.NotEmpty(t, h.Cursors[i])
	}
	require.InDelta(t, crowdSize/2, len(seen), crowdSize/10)
	for _, id := range carryOn(t, h) {
		seen[id]++
	}
	requireCrowd(t, seen)
}

// fill writes a group in the form of the store's rows, much faster than the store would. One row
// is the store's own: the form must be the same.
func fill(t *testing.T, client *dynamodb.Client, store *dynamo.Connections, h handover) {
	t.Helper()
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: crowdID(0), Groups: []string{"crowd"}, ExpiresAt: expires}))
	row := func(id, version string) attributes {
		return attributes{
			"pk":  &types.AttributeValueMemberS{Value: fmt.Sprintf("@%s#g#crowd#%d", h.Namespace, shard.Of(id, crowdShards))},
			"sk":  &types.AttributeValueMemberS{Value: id},
			"exp": &types.AttributeValueMemberN{Value: fmt.Sprint(expires.Unix())},
			"v":   &types.AttributeValueMemberN{Value: version},
		}
	}
	key := row(crowdID(0), "0")
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &h.Table, Key: attributes{"pk": key["pk"], "sk": key["sk"]},
	})
	require.NoError(t, err)
	version, ok := out.Item["v"].(*types.AttributeValueMemberN)
	require.True(t, ok)
	require.Equal(t, row(crowdID(0), version.Value), out.Item, "the store writes its rows in another form")

	began := time.Now()
	numbers := make(chan int)
	errs := make([]error, 16)
	var writers sync.WaitGroup
	for w := range errs {
		writers.Go(func() {
			for first := range numbers {
				var requests []types.WriteRequest
				for n := first; n < min(first+batch, crowdSize); n++ {
					put := &types.PutRequest{Item: row(crowdID(n), version.Value)}
					requests = append(requests, types.WriteRequest{PutRequest: put})
				}
				if errs[w] == nil {
					errs[w] = writeAll(t.Context(), client, h.Table, requests)
				}
			}
		})
	}
	for first := 1; first < crowdSize; first += batch {
		numbers <- first
	}
	close(numbers)
	writers.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	t.Logf("%d rows written in %v", crowdSize, time.Since(began).Round(time.Millisecond))
}

func writeAll(ctx context.Context, client *dynamodb.Client, table string, requests []types.WriteRequest) error {
	for len(requests) > 0 {
		in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: requests}}
		out, err := client.BatchWriteItem(ctx, in)
		if err != nil {
			return err
		}
		requests = out.UnprocessedItems[table]
	}
	return nil
}

func crowdID(n int) string { return fmt.Sprintf("L0SM9cOF%06dAMCtA=", n) }

func requireCrowd(t *testing.T, seen map[string]int) {
	t.Helper()
	require.Len(t, seen, crowdSize)
	for id, times := range seen {
		require.Equal(t, 1, times, id)
	}
}

// readSome reads some pages of a shard, of different sizes, and returns the cursor after them.
func readSome(t *testing.T, store *dynamo.Connections, i, pages int, seen map[string]int) (after conn.Cursor) {
	t.Helper()
	for n := range pages {
		page, err := store.Read(t.Context(), conn.Query{Group: "crowd", Shard: i, After: after, Limit: crowdPage - 10 + n})
		require.NoError(t, err)
		for _, m := range page.Members {
			seen[m.ID]++
		}
		if after = page.Next; after == "" {
			break
		}
	}
	return after
}

// carryOn lets another process read the rest, and returns what that has found.
func carryOn(t *testing.T, h handover) (ids []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "handover")
	text, err := json.Marshal(h)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	binary, err := os.Executable()
	require.NoError(t, err)
	next := exec.CommandContext(t.Context(), binary, "-test.run=^TestReadingAcrossARestart$", "-test.count=1")
	next.Env = append(os.Environ(), handoverVariable+"="+file)
	said, err := next.CombinedOutput()
	require.NoError(t, err, "%s", said)
	rest, err := os.Open(h.Output)
	require.NoError(t, err)
	defer rest.Close()
	lines := bufio.NewScanner(rest)
	for lines.Scan() {
		ids = append(ids, lines.Text())
	}
	require.NoError(t, lines.Err())
	return ids
}

// takeOver is the other process.
func takeOver(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var h handover
	require.NoError(t, json.Unmarshal(text, &h))
	store := crowdStore(h.client(t), h.Table, h.Namespace)
	rest, err := os.Create(h.Output)
	require.NoError(t, err)
	for i, after := range h.Cursors {
		requireRefused(t, store, i, after)
		for after != "" {
			page, err := store.Read(t.Context(), conn.Query{Group: "crowd", Shard: i, After: after})
			require.NoError(t, err)
			for _, m := range page.Members {
				_, err := fmt.Fprintln(rest, m.ID)
				require.NoError(t, err)
			}
			after = page.Next
		}
	}
	require.NoError(t, rest.Close())
}

func (h handover) client(t *testing.T) *dynamodb.Client {
	t.Helper()
	if h.Endpoint == "" {
		return dynamotest.Client(t)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &h.Endpoint, Region: "us-east-1", HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("gatesock", "gatesock", ""),
	})
}

// requireRefused damages a cursor in many ways.
func requireRefused(t *testing.T, store *dynamo.Connections, i int, c conn.Cursor) {
	t.Helper()
	bad := []conn.Query{
		{Group: "crowd", Shard: (i + 1) % crowdShards, After: c},
		{Group: "other", Shard: i, After: c},
		{Group: "crowd", Shard: i, After: c + "A"},
		{Group: "crowd", Shard: i, After: " " + c},
	}
	for n := range len(c) {
		other := "A"
		if c[n] == 'A' {
			other = "B"
		}
		bad = append(bad,
			conn.Query{Group: "crowd", Shard: i, After: c[:n] + conn.Cursor(other) + c[n+1:]},
			conn.Query{Group: "crowd", Shard: i, After: c[:n] + c[n+1:]})
		if n > 0 {
			bad = append(bad, conn.Query{Group: "crowd", Shard: i, After: c[:n]})
		}
	}
	for _, q := range bad {
		_, err := store.Read(t.Context(), q)
		require.ErrorIs(t, err, conn.ErrBadCursor, "%s of %s", q.After, strings.TrimSpace(string(c)))
	}
}
