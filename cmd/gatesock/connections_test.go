package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/wstest"
)

// world is an application on a real port, with its connections in a table, and the command, which
// runs in the test's process because many command lines of it are tried.
type world struct {
	t         *testing.T
	server    *wstest.Server
	namespace string
	store     *dynamo.Connections
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, namespace: dynamotest.Namespace(t)}
	w.store = dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), dynamo.WithNamespace(w.namespace)).Connections()
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(conn.Track(w.store))
	gatesock.Handle(r, "join", func(ctx context.Context, req *gatesock.Request, in struct {
		Room string `json:"room"`
	},
	) error {
		return w.store.Join(ctx, req.ConnectionID, "room:"+in.Room)
	})
	w.server = wstest.NewServer(t, r, wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }))
	return w
}

// run runs a command on connections, and returns its output and status.
func (w *world) run(args ...string) (stdout, stderr string, status int) { return w.piped("", args...) }

// piped is run with standard input.
func (w *world) piped(input string, args ...string) (stdout, stderr string, status int) {
	w.t.Helper()
	options := dynamotest.Client(w.t).Options()
	line := append([]string{"connections"}, args...)
	line = append(line, "--table", dynamotest.Table(w.t), "--namespace", w.namespace, "--region", options.Region)
	if options.BaseEndpoint != nil {
		line = append(line, "--dynamodb", *options.BaseEndpoint)
	}
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--endpoint") }) {
		line = append(line, "--endpoint", w.server.Endpoint)
	}
	var out, problems bytes.Buffer
	status = run(w.t.Context(), line, streams{strings.NewReader(input), &out, &problems})
	return out.String(), problems.String(), status
}

// connections runs a command that must succeed and say nothing on standard error.
func (w *world) connections(args ...string) string {
	w.t.Helper()
	out, problems, status := w.run(args...)
	require.Zero(w.t, status, "%s", problems)
	require.Empty(w.t, problems)
	return out
}

// fails runs a command that must fail, and returns its error output.
func (w *world) fails(status int, args ...string) string {
	w.t.Helper()
	out, problems, got := w.run(args...)
	require.Equal(w.t, status, got, "%s", problems)
	require.Empty(w.t, out)
	return problems
}

// decode is connections with --json.
func (w *world) decode(into any, args ...string) {
	w.t.Helper()
	require.NoError(w.t, json.Unmarshal([]byte(w.connections(append(args, "--json")...)), into))
}

// put registers a connection of which API Gateway knows nothing.
func (w *world) put(c conn.Conn) {
	w.t.Helper()
	require.NoError(w.t, w.store.Put(w.t.Context(), c))
}

func TestConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, "ID  USER  CONNECTED  EXPIRES  STATE\n", w.connections("list"))
	require.Equal(t, "[]\n", w.connections("list", "--json"))

	ann, phone := w.server.Dial(t, wstest.WithUser("ann")), w.server.Dial(t, wstest.WithUser("ann"))
	bob := w.server.Dial(t, wstest.WithUser("bob"))
	for _, c := range []*wstest.Client{ann, bob} {
		c.Request("join", map[string]string{"room": "1"}).ExpectAck()
	}

	var listed []shownConnection
	w.decode(&listed, "list", "--group", "room:1", "--check")
	require.Len(t, listed, 2)
	require.Equal(t, ann.ID(), listed[0].ID)
	require.Equal(t, "ann", listed[0].User)
	require.Equal(t, []string{"room:1", "user:ann"}, listed[0].Groups)
	require.Equal(t, isOpen, listed[0].State)
	require.Equal(t, isOpen, listed[1].State)
	record, err := w.store.Get(t.Context(), ann.ID())
	require.NoError(t, err)
	require.True(t, record.ConnectedAt.Equal(listed[0].ConnectedAt))

	rows := strings.Split(w.connections("list", "--user", "ann"), "\n")
	require.Len(t, rows, 4)
	require.Equal(t, strings.Join(strings.Fields(rows[1]), " "), fmt.Sprintf("%s ann %s %s registered",
		ann.ID(), moment(record.ConnectedAt, ""), moment(record.ExpiresAt, "")))
	require.LessOrEqual(t, len(rows[1]), 80)

	shown := w.connections("show", ann.ID())
	for _, line := range []string{
		"Id           " + ann.ID(), "Record       registered", "User         ann", "Groups       room:1\n             user:ann",
		"API Gateway  open", "Source IP    127.0.0.1", "Last active  20",
	} {
		require.Contains(t, shown, line)
	}
	var both shownBoth
	w.decode(&both, "show", bob.ID())
	require.Equal(t, "bob", both.Record.User)
	require.Equal(t, isOpen, both.Gateway.State)
	require.False(t, both.Gateway.LastActiveAt.IsZero())

	require.Equal(t, "CONNECTIONS  DELIVERED  GONE  FAILED  UNSENT\n2            2          0     0       0\n",
		w.connections("send", "--user", "ann", "--event", "notice", `{"text":"at 4"}`))
	var data map[string]string
	for _, c := range []*wstest.Client{ann, phone} {
		c.ExpectPush("notice", &data)
		require.Equal(t, map[string]string{"text": "at 4"}, data)
	}
	w.connections("send", "--group", "room:1", "--event", "notice", "--topic", "1")
	ann.ExpectPushOn("1", "notice", nil)
	bob.ExpectPushOn("1", "notice", nil)
	w.connections("send", bob.ID(), `{"mine": 1}`)
	bob.ExpectFrame(`{"mine": 1}`)
	w.connections("send", bob.ID(), "--text", "hello there")
	bob.ExpectFrame("hello there")
	_, _, status := w.piped("[1,2]\n", "send", "--group", "room:1", "-")
	require.Equal(t, succeeded, status)
	bob.ExpectFrame("[1,2]")
	phone.ExpectNone()

	require.Contains(t, w.connections("count"), "Connections      3\nOf them stale    0\nExpired records  0\n")
	require.Equal(t, "CONNECTIONS  USER\n2            ann\n1            bob\n", w.connections("count", "--by", "user"))

	// Several connections are not closed by accident.
	require.Contains(t, w.fails(2, "disconnect", "--user", "ann"),
		`these are 2 connections of user "ann": add --yes to close them`)
	require.Contains(t, w.fails(2, "disconnect", ann.ID(), phone.ID()), `2 connections: add --yes`)
	require.Equal(t, "CONNECTIONS  CLOSED  GONE  FAILED  UNSENT\n1            1       0     0       0\n",
		w.connections("disconnect", bob.ID()))
	bob.ExpectClosed(1000)
	var closed map[string]any
	w.decode(&closed, "disconnect", "--user", "ann", "--yes")
	require.Equal(t, map[string]any{
		"audience": 2., "closed": 2., "gone": 0., "failed": 0., "unsent": 0., "complete": true,
	}, closed)
	ann.ExpectClosed(1000)
	phone.ExpectClosed(1000)
	out, problems, status := w.run("send", "--user", "carl", "1")
	require.Zero(t, status)
	require.Contains(t, out, "\n0            0")
	require.Equal(t, "gatesock: there are no connections of user \"carl\"\n", problems)
}

// TestConnectionsThatAreNot is about records without a connection, and what else an operator meets
// at a bad time.
func TestConnectionsThatAreNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	const ( // as API Gateway forms them
		ghost, old       = "Z2hvc3Rnb3N0Z2g=", "b2xkb2xkb2xkb2w="
		lost, evil, none = "bG9zdGxvc3Rsb3M=", "ZXZpbGV2aWxldmk=", "bm9uZW5vbmVub24="
	)
	w.put(conn.Conn{ID: ghost, User: "ann", Groups: []string{"room:1"}, ConnectedAt: now.Add(-time.Minute)})
	w.put(conn.Conn{ID: old, Groups: []string{"room:1"}, ConnectedAt: now.Add(-3 * time.Hour), ExpiresAt: now.Add(time.Hour)})
	w.put(conn.Conn{ID: lost, Groups: []string{"room:1"}, ConnectedAt: now})
	w.put(conn.Conn{
		ID: evil, ConnectedAt: now, User: "x\x1b[2J", Attributes: map[string]string{"name": "a\u202eb\nc"},
		Endpoint: strings.TrimSuffix(w.server.Endpoint, "/local") + "/other",
	})
	_, err := dynamotest.Client(t).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(dynamotest.Table(t)),
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "@" + w.namespace + "#c#" + lost}, "sk": &types.AttributeValueMemberS{Value: "c"},
		},
	})
	require.NoError(t, err)

	states := func(args ...string) map[string]string {
		t.Helper()
		var listed []shownConnection
		w.decode(&listed, append([]string{"list"}, args...)...)
		got := map[string]string{}
		for _, c := range listed {
			got[c.ID] = c.State
		}
		return got
	}
	require.Equal(t, map[string]string{
		ghost: registered, old: stale, evil: registered,
	}, states())
	require.Equal(t, map[string]string{ghost: registered, old: stale, lost: noRecord}, states("--group", "room:1"))
	require.Equal(t, map[string]string{ghost: isGone, old: isGone, lost: isGone}, states("--group", "room:1", "--check"))
	require.Equal(t, map[string]string{ghost: registered}, states("--user", "ann"))
	require.Contains(t, w.connections("count"), "Connections      3\nOf them stale    1\nExpired records  0\n")
	require.Contains(t, w.connections("count", "--group", "room:1"), "Connections  3\n")
	var counts []counted
	w.decode(&counts, "count", "--by", "group", "--top", "1")
	require.Equal(t, []counted{{Name: "room:1", Connections: 2}}, counts)

	// What has not been read is said.
	out, problems, status := w.run("list", "--limit", "2")
	require.Zero(t, status)
	require.Equal(t, 3, strings.Count(out, "\n"))
	require.Equal(t, "gatesock: stopped after 2 connections, and there are more: --limit 0 lists all\n", problems)

	// Nothing of a client moves the cursor.
	out, problems, status = w.run("show", evil)
	require.Equal(t, failed, status)
	require.Contains(t, out, `User         "x\x1b[2J"`)
	require.Contains(t, out, `"name=a\u202eb\nc"`)
	require.Contains(t, out, "API Gateway  unknown")
	require.Contains(t, problems, "refuses: check --endpoint and its stage")
	out, problems, status = w.run("show", ghost, "--endpoint", "http://127.0.0.1:1/x")
	require.Equal(t, failed, status)
	require.Contains(t, out, "Record       registered")
	require.Contains(t, problems, "can't reach the API at http://127.0.0.1:1/x: check --endpoint and the network")
	out, _, status = w.run("show", evil)
	require.Equal(t, failed, status)
	require.Contains(t, out, "API Gateway  unknown")
	out, _, _ = w.run("show", evil, "--json")
	require.NotContains(t, out, "\u202e")
	require.NotContains(t, w.connections("list"), "\x1b")

	// Without the endpoint, only the record is shown.
	shown, problems, status := w.run("show", ghost, "--endpoint=")
	require.Zero(t, status, problems)
	require.NotContains(t, shown, "API Gateway")
	require.Contains(t, w.connections("show", ghost), "API Gateway  gone")
	require.Equal(t, "gatesock: there is no record of connection "+none+", and it is not open in API Gateway; "+
		"run gatesock connections list to see all\n", w.fails(1, "show", none))

	// What is gone is gone, and stays in the table for the application to notice.
	out, problems, status = w.run("send", ghost, "1")
	require.Equal(t, failed, status)
	require.Contains(t, out, "\n1            0          1     0")
	require.Equal(t, "gatesock: 1 of the connections are not open\n", problems)
	require.Contains(t, w.connections("send", "--group", "room:1", "1"), "\n3            0          3     0")
	require.Contains(t, w.connections("disconnect", ghost), "\n1            0       1     0")
	_, err = w.store.Get(t.Context(), ghost)
	require.NoError(t, err)

	// A connection at another endpoint, as its record says, where there is no API.
	out, problems, status = w.run("disconnect", evil, "--json")
	require.Equal(t, failed, status)
	var result shownOutcome
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.Equal(t, 1, result.Failed+result.Unsent, out)
	require.NotEmpty(t, problems)
}

// TestConnectionsInOtherPartitions checks that the command does not miss most of a group whose
// partitions it does not know.
func TestConnectionsInOtherPartitions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), dynamo.WithNamespace(w.namespace),
		dynamo.WithSharding(func(string) dynamo.Sharding { return dynamo.Sharding{Write: 8} })).Connections()
	for i := range 20 {
		require.NoError(t, store.Put(t.Context(), conn.Conn{ID: fmt.Sprint("c", i), User: "ann"}))
	}
	for _, args := range [][]string{{"list"}, {"count"}, {"disconnect", "--yes"}, {"disconnect"}, {"send", "1"}} {
		require.Contains(t, w.fails(2, append(args, "--user", "ann")...), "add --shards")
	}
	require.Equal(t, "Connections  20\n", w.connections("count", "--user", "ann", "--shards", "8"))
}

// terminalOf is a terminal on which somebody has typed.
type terminalOf struct{ io.Reader }

func (terminalOf) Stat() (fs.FileInfo, error) { return characterDevice{}, nil }

type characterDevice struct{ fs.FileInfo }

func (characterDevice) Mode() fs.FileMode { return fs.ModeDevice | fs.ModeCharDevice }

func TestDisconnectAsks(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"y\n": "", "YES\r\n": "", "n\n": "nothing was closed", "\n": "nothing was closed", "yessir\n": "nothing was closed",
		"": "add --yes", "y": "add --yes",
	} {
		var asked bytes.Buffer
		o := &operator{streams: streams{in: terminalOf{strings.NewReader(typed)}, err: &asked}}
		err := new(closeConnections).confirm(t.Context(), o, 2)
		require.Contains(t, asked.String(), "Close 2 connections? [y/N] ")
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want, "%q", typed)
		}
	}
	o := &operator{streams: streams{in: strings.NewReader("y\n")}}
	require.ErrorContains(t, new(closeConnections).confirm(t.Context(), o, 2), "add --yes", "a pipe does not answer")
	require.NoError(t, new(closeConnections).confirm(t.Context(), o, 1))
	require.NoError(t, (&closeConnections{Yes: true}).confirm(t.Context(), o, 2))
}

func TestSendFrame(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", gatesock.MaxMessageSize)
	for _, c := range []struct {
		send  sendConnections
		data  string
		input string
		want  string
		fails string
	}{
		{data: `{"a": 1}`, want: `{"a": 1}`},
		{data: "-", input: "{\"a\":\n1}\r\n", want: "{\"a\":\n1}"},
		{send: sendConnections{Text: true}, data: "hi", want: "hi"},
		{send: sendConnections{Event: "e"}, data: `{"a":1}`, want: `{"event":"e","data":{"a":1}}`},
		{send: sendConnections{Event: "e", Topic: "t"}, data: "null", want: `{"event":"e","topic":"t","data":null}`},
		{data: "hi", fails: "the data is not JSON"},
		{data: "1 2", fails: "the data is not JSON"},
		{data: "", fails: "empty"},
		{data: "-", fails: "empty"},
		{data: "\"\xff\"", fails: "UTF-8"},
		{send: sendConnections{Event: "e"}, data: "x", fails: "the data is not JSON"},
		{send: sendConnections{Topic: "t"}, data: "1", fails: "--event"},
		{send: sendConnections{Text: true, Event: "e"}, data: "1", fails: "--text"},
		{send: sendConnections{Text: true}, data: "-", input: large, want: large},
		{send: sendConnections{Text: true}, data: "-", input: large + "x", fails: "larger than"},
		{send: sendConnections{Text: true}, data: "-", input: large + "xxxxxxxxx", fails: "larger than"},
	} {
		frame, err := c.send.frame(&c.data, strings.NewReader(c.input))
		if c.fails != "" {
			require.ErrorContains(t, err, c.fails)
			require.True(t, isMisuse(err))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, string(frame))
	}
	frame, err := (&sendConnections{Event: "e"}).frame(nil, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"event":"e","data":null}`, string(frame))
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	settle := func(r broadcast.Report, ids []string, done string, err error) (string, error) {
		var out, problems bytes.Buffer
		o := &operator{
			streams: streams{out: &out, err: &problems}, reach: &reach{endpoint: "http://x", accessKey: "AKIAIOSFODNN7EXAMPLE"},
			out: printer{w: &out},
		}
		return out.String(), o.settle(outcome{Report: r, ids: ids, done: done}, err)
	}
	forbidden := fmt.Errorf("apigw: post: %w", gatesock.ErrForbidden)
	for _, c := range []struct {
		report broadcast.Report
		ids    []string
		done   string
		err    error
		want   string // "" is success
	}{
		{report: broadcast.Report{Audience: 2, Delivered: 1, Gone: 1}, done: "delivered"},
		{report: broadcast.Report{Audience: 1, Gone: 1}, ids: []string{"a"}, done: "delivered", want: "not open"},
		{report: broadcast.Report{Audience: 1, Gone: 1}, ids: []string{"a"}, done: "closed"},
		{report: broadcast.Report{Audience: 2, Delivered: 1, Unsent: 1}, done: "delivered", want: "1 connections were not reached"},
		{report: broadcast.Report{Audience: 1, Delivered: 1, Incomplete: true}, done: "closed", want: "not reached"},
		{
			report: broadcast.Report{Audience: 1, Failed: 1, Errors: []broadcast.PostError{{ConnectionID: "a\x1b", Err: forbidden}}},
			done:   "delivered", want: `connection "a\x1b": the API at http://x refuses the access key AKIA…MPLE`,
		},
		{report: broadcast.Report{Audience: 1, Unsent: 1}, done: "delivered", err: forbidden, want: "execute-api:ManageConnections"},
		{report: broadcast.Report{Audience: 1, Unsent: 1}, done: "delivered", err: context.Canceled, want: "interrupted"},
	} {
		_, err := settle(c.report, c.ids, c.done, c.err)
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
	require.ErrorContains(t, (&reach{endpoint: "http://x"}).plain(errors.New("apigw: odd")), "odd")
}

// TestConnectionsMistakes checks command lines that cannot be meant.
func TestConnectionsMistakes(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"connections list --table=":            `--table is empty`,
		"connections list --shards 3":          `--shards: 3 is not a power of two up to 1024`,
		"connections list --limit=-1":          `--limit must not be negative`,
		"connections list --pages=-1":          `--pages must not be negative`,
		"connections count --top=-1":           `--top must not be negative`,
		"connections list --check":             `no endpoint of the API: use --endpoint, or set GATESOCK_ENDPOINT`,
		"connections list --user a --group b":  `--user and --group can't be used together`,
		"connections count --user a --by user": `--by counts all connections`,
		"connections count --by room":          `--by must be one of "user","group" but got "room"`,
		"connections show":                     `expected "<id>"`,
		"connections send":                     `name the connections: an id, --user or --group`,
		"connections send x":                   `there is no data to send; - reads it from standard input`,
		"connections send x 1":                 `no endpoint of the API`,
		"connections send x 1 2":               `unexpected argument 2`,
		"connections send --user x 1 2":        `unexpected argument 2`,
		"connections send x y":                 `the data is not JSON: .*; --text sends any text`,
		"connections send x 1 --endpoint x":    `--endpoint: .*"x"`,
		"connections disconnect":               `name the connections: ids, --user or --group`,
		"connections disconnect x --user y":    `name either ids, or --user or --group`,
		"connections disconnect x":             `no endpoint of the API`,
	} {
		var out, problems bytes.Buffer
		args := append(strings.Fields(line), "--dynamodb", "http://127.0.0.1:1")
		if !strings.Contains(line, "--table") {
			args = append(args, "--table", "x")
		}
		status := run(t.Context(), args, streams{strings.NewReader(""), &out, &problems})
		require.Equal(t, misused, status, "%s: %s", line, problems.String())
		require.Regexp(t, `^gatesock: .*`+says+`.*\nRun gatesock help, or add --help to a command\.\n$`, problems.String(), line)
		require.Empty(t, out.String())
	}
}

// inPages is a table whose first page has one item.
type inPages struct{ dynamo.API }

func (p inPages) Scan(
	ctx context.Context, in *dynamodb.ScanInput, opts ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	if in.ExclusiveStartKey == nil {
		first := *in
		first.Limit = aws.Int32(1)
		in = &first
	}
	return p.API.Scan(ctx, in, opts...)
}

// TestPages checks that a command reads no more of the table than it may, and says so.
func TestPages(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	namespace := dynamotest.Namespace(t)
	o := &operator{
		streams: streams{err: &said},
		store: dynamo.Open(inPages{dynamotest.Client(t)}, dynamotest.Table(t), dynamo.WithNamespace(namespace)).
			Connections(),
	}
	for i := range 3 {
		require.NoError(t, o.store.Put(t.Context(), conn.Conn{ID: fmt.Sprint("c", i)}))
	}
	for pages, want := range map[int]string{
		1: "gatesock: stopped after 1 pages of the table, and there is more: --pages 0 reads all\n", 0: "",
	} {
		said.Reset()
		found := 0
		complete, err := o.scan(t.Context(), scanning{Pages: pages}, func(dynamo.Record) bool {
			found++
			return true
		})
		require.NoError(t, err)
		require.Equal(t, pages == 0, complete)
		require.Equal(t, pages == 0, found == 3)
		require.Equal(t, want, said.String())
	}
}

// TestExpiredRecords checks that records that DynamoDB has not deleted yet are found, and marked.
func TestExpiredRecords(t *testing.T) {
	t.Parallel()
	now := testclock.Noon() // ahead of DynamoDB's clock, so that it deletes nothing
	var out bytes.Buffer
	db := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), dynamo.WithNamespace(dynamotest.Namespace(t)),
		dynamo.WithClock(func() time.Time { return now }))
	o := &operator{store: db.Connections(), reach: &reach{}, out: printer{w: &out}}
	require.NoError(t, o.store.Put(t.Context(), conn.Conn{ID: "c1", User: "ann", ExpiresAt: now.Add(time.Minute)}))
	now = now.Add(time.Minute)
	o.out.now = now

	require.NoError(t, (&listConnections{}).Run(t.Context(), o))
	require.Contains(t, out.String(), "\nc1  ann ")
	require.Contains(t, out.String(), "  expired\n")
	out.Reset()
	require.NoError(t, (&showConnection{ID: "c1"}).Run(t.Context(), o))
	require.Contains(t, out.String(), "Record      expired\n")
	out.Reset()
	require.NoError(t, (&countConnections{}).Run(t.Context(), o))
	require.Equal(t, "Connections      0\nOf them stale    0\nExpired records  1\n", out.String())
	out.Reset()
	require.NoError(t, (&listConnections{members: members{User: "ann"}}).Run(t.Context(), o))
	require.NotContains(t, out.String(), "c1", "it has left its groups")
}
