package stream_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/stream"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// victimVariable has what the victim needs to know, as JSON.
const victimVariable = "GATESOCK_TEST_VICTIM"

// order is what a victim is to do.
type order struct {
	DynamoDB, Table, Endpoint string
	// Mode is "stream", "mark", or empty for publishers that push.
	Mode string
	// Tx publishes in a transaction with an item.
	Tx bool
}

// options returns the options that all processes must have.
func (o order) options() []topic.Option {
	opts := []topic.Option{topic.WithLogger(slog.New(slog.DiscardHandler))}
	switch o.Mode {
	case "stream":
		opts = append(opts, topic.WithStream())
	case "mark":
		opts = append(opts, topic.WithMark())
	}
	return opts
}

// TestPublisherIsKilledWithoutAStream: the subscriber finds out by its sync.
func TestPublisherIsKilledWithoutAStream(t *testing.T) {
	t.Parallel()
	table := dynamotest.StreamingTable(t)
	w := newServed(t, order{Table: table})
	s := w.subscriber(t)
	w.kill(t)
	require.Empty(t, s.events)
	s.advance(6 * time.Minute)
	s.await()
	require.Equal(t, []string{`said "last words"`}, s.events)
	require.Positive(t, s.syncs)
}

// TestPublisherIsKilledWithAStream: the subscriber gets the event without a sync, for which its
// clock would have to move.
func TestPublisherIsKilledWithAStream(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]order{
		"publishers do not push":                   {Mode: "stream"},
		"publishers do not push, in a transaction": {Mode: "stream", Tx: true},
		"publishers mark":                          {Mode: "mark"},
		"publishers mark, in a transaction":        {Mode: "mark", Tx: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Table = dynamotest.StreamingTable(t)
			w := newServed(t, o)
			s := w.subscriber(t)
			w.kill(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			source := dynamotest.OpenStream(t, o.Table)
			go func() { ended <- source.Run(ctx, w.handler(t)) }()
			defer func() {
				stop()
				require.NoError(t, <-ended)
			}()
			s.await()
			require.Equal(t, []string{`said "last words"`}, s.events)
			require.Zero(t, s.syncs)
		})
	}
}

// served is an application behind a gateway that listens.
type served struct {
	*wstest.Server

	order order
	rec   *wstest.Recorder
}

func newServed(t *testing.T, o order) *served {
	t.Helper()
	w := &served{order: o, rec: wstest.NewRecorder()}
	w.order.DynamoDB = *dynamotest.Local(t).Options().BaseEndpoint
	db := tables(t, o.Table, "")
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(conn.Track(db.Connections()))
	w.topics(db).Register(r, topic.AllowAnyone)
	w.Server = wstest.NewServer(t, r, wstest.WithPoster(w.rec))
	w.order.Endpoint = w.Endpoint
	return w
}

func (w *served) topics(db *dynamo.DB) *topic.Topics {
	quiet := broadcast.WithLogger(slog.New(slog.DiscardHandler))
	return topic.New(db.Topics(), db.Connections(), broadcast.New(w.rec, db.Connections(), quiet), w.order.options()...)
}

// handler returns the handler of the stream of another process, whose clock is ahead so that it
// need not wait for marks.
func (w *served) handler(t *testing.T) *stream.Handler {
	t.Helper()
	ahead := func() time.Time { return time.Now().Add(time.Minute) }
	db := tables(t, w.order.Table, "", dynamo.WithClock(ahead))
	return stream.New(db, w.topics(db), stream.WithLogger(slog.New(slog.DiscardHandler)))
}

// kill starts a process that publishes, and kills it between the append and the first post.
func (w *served) kill(t *testing.T) {
	t.Helper()
	settings, err := json.Marshal(w.order)
	require.NoError(t, err)
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), victimVariable+"="+string(settings))
	var problems bytes.Buffer
	victim.Stderr = &problems
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, &problems)
	require.Equal(t, "appended\n", line)
	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait())
}

// victim publishes, and does not come to an end.
func victim() {
	err := publishAsVictim()
	fmt.Fprintln(os.Stderr, "the victim has ended:", err)
	os.Exit(1)
}

func publishAsVictim() error {
	var o order
	if err := json.Unmarshal([]byte(os.Getenv(victimVariable)), &o); err != nil {
		return err
	}
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &o.DynamoDB, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("gatesock", "gatesock", ""),
	})
	posts, err := apigw.New(credentials.NewStaticCredentialsProvider("gatesock", "gatesock", ""), o.Endpoint)
	if err != nil {
		return err
	}
	db := dynamo.Open(client, o.Table)
	store := halting{db.Connections()}
	topics := topic.New(db.Topics(), store, broadcast.New(posts, store), o.options()...)
	ctx := context.Background()
	if o.Tx {
		item := types.TransactWriteItem{Put: &types.Put{TableName: aws.String(o.Table), Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "orders"}, "sk": &types.AttributeValueMemberS{Value: "1"},
		}}}
		_, _, err = db.Topics().PublishTx(ctx, topics, victimTopic, "said", "last words", []types.TransactWriteItem{item})
	} else {
		_, _, err = topics.Publish(ctx, victimTopic, "said", "last words")
	}
	if err != nil {
		return err
	}
	halt() // with a stream nothing comes after the append
	return nil
}

const victimTopic = "room:1"

// halting is a Store that stops the process where a fan-out begins.
type halting struct{ *dynamo.Connections }

func (halting) Read(context.Context, conn.Query) (conn.Page, error) {
	halt()
	return conn.Page{}, nil
}

func halt() {
	fmt.Fprintln(os.Stdout, "appended")
	select {}
}

// isSync reports whether a frame of a client is a sync.
func isSync(frame []byte) bool { return strings.Contains(string(frame), `"action":"sync"`) }
