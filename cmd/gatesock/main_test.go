package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

// asTool is the environment variable that turns the test binary into the command.
const asTool = "GATESOCK_TEST_AS_TOOL"

// TestMain runs the tests, or the command for a test, which then need not build it.
func TestMain(m *testing.M) {
	if os.Getenv(asTool) != "" {
		main()
	}
	_ = os.Unsetenv("GATESOCK_ENDPOINT") // of the developer's own application
	dynamotest.Main(m)
}

// tool runs the command as a process of its own, in a namespace of its own.
type tool struct {
	t         *testing.T
	path      string
	env       []string
	namespace string
}

func newTool(t *testing.T) *tool {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	options := dynamotest.Client(t).Options()
	credentials, err := options.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	x := &tool{t: t, path: path, namespace: dynamotest.Namespace(t)}
	x.env = append(
		os.Environ(),
		asTool+"=1",
		"AWS_REGION="+options.Region,
		"AWS_ACCESS_KEY_ID="+credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN="+credentials.SessionToken,
		"GATESOCK_TABLE="+dynamotest.Table(t),
		"GATESOCK_NAMESPACE="+x.namespace,
		"TZ=UTC",
	)
	if options.BaseEndpoint != nil {
		x.env = append(x.env, "AWS_ENDPOINT_URL_DYNAMODB="+*options.BaseEndpoint)
	}
	return x
}

// run returns the output and the exit status of a command line.
func (x *tool) run(args ...string) (stdout, stderr string, status int) {
	x.t.Helper()
	c := exec.CommandContext(context.Background(), x.path, args...)
	var out, problems bytes.Buffer
	c.Env, c.Stdout, c.Stderr = x.env, &out, &problems
	err := c.Run()
	var exit *exec.ExitError
	require.True(x.t, err == nil || errors.As(err, &exit), "%v", err)
	return out.String(), problems.String(), c.ProcessState.ExitCode()
}

// keys runs a command on keys that must succeed.
func (x *tool) keys(args ...string) string {
	x.t.Helper()
	out, problems, status := x.run(append([]string{"keys"}, args...)...)
	require.Zero(x.t, status, "%s", problems)
	require.Empty(x.t, problems)
	return out
}

// object runs a command on keys with --json, and decodes the output.
func (x *tool) object(args ...string) map[string]any {
	x.t.Helper()
	var got map[string]any
	require.NoError(x.t, json.Unmarshal([]byte(x.keys(append(args, "--json")...)), &got))
	return got
}

// db returns the table that the tool works on.
func (x *tool) db() *dynamo.DB {
	return dynamo.Open(dynamotest.Client(x.t), dynamotest.Table(x.t), dynamo.WithNamespace(x.namespace))
}

// fails runs a command that must fail, and returns its error output.
func (x *tool) fails(status int, args ...string) string {
	x.t.Helper()
	out, problems, got := x.run(args...)
	require.Equal(x.t, status, got, "%s", problems)
	require.Empty(x.t, out)
	return problems
}

func TestKeys(t *testing.T) {
	t.Parallel()
	x := newTool(t)
	store := x.db().APIKeys()
	verify := func(secret string) (authz.Principal, error) {
		return apikey.New(store, apikey.WithCacheTTL(0)).Verify(t.Context(), secret)
	}

	require.Equal(t, "ID  NAME  OWNER  PLAN  STATE  CREATED  EXPIRES  LAST USED\n", x.keys("list"))
	require.Equal(t, "[]\n", x.keys("list", "--json"))

	begun := time.Now().Truncate(time.Second)
	made := x.object(
		"create",
		"--owner",
		"plant-1",
		"--name",
		"sensor 7, hall B",
		"--plan",
		"free",
		"--scope",
		"readings:write",
		"--scope",
		"a,b",
		"--role",
		"device",
		"--attribute",
		"hall=B;C",
		"--usage-key",
		"0123456789-usage",
		"--expires",
		"90d",
		"--prefix",
		"acme",
	)
	secret := made["secret"].(string)
	key := made["key"].(map[string]any)
	id := key["id"].(string)
	require.Regexp(t, `^acme_`+id+`_`, secret)
	created, err := time.Parse(time.RFC3339, key["createdAt"].(string))
	require.NoError(t, err)
	expires, err := time.Parse(time.RFC3339, key["expiresAt"].(string))
	require.NoError(t, err)
	// Both are of the command's own time.
	require.WithinRange(t, created, begun, time.Now())
	require.WithinRange(t, expires, begun.Add(90*24*time.Hour), time.Now().Add(90*24*time.Hour))
	p, err := verify(secret)
	require.NoError(t, err)
	require.Equal(t, authz.Principal{
		ID: "plant-1", Scopes: []string{"readings:write", "a,b"}, Roles: []string{"device"}, Attributes: map[string]string{"hall": "B;C", "plan": "free", "key": id},
		UsageKey: "0123456789-usage", ExpiresAt: expires,
	}, p)

	text := x.keys("create", "--owner", "plant-2")
	second := regexp.MustCompile(`(?m)^gs_(\w{12})_\w+$`).FindStringSubmatch(text)
	require.Len(t, second, 2, "%s", text)
	require.Contains(t, text, "It is shown only once")
	_, err = verify(second[0])
	require.NoError(t, err)

	rotated := x.object("rotate", id, "--overlap", "1h")
	fresh := rotated["secret"].(string)
	require.NotEqual(t, secret, fresh)
	require.Contains(t, rotated["key"], "oldSecretUntil")
	for _, both := range []string{secret, fresh} {
		_, err = verify(both)
		require.NoError(t, err)
	}
	require.Contains(t, x.keys("rotate", second[1], "--overlap", "0"), "gs_"+second[1])
	_, err = verify(second[0])
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	overlapping := x.object("rotate", id)["secret"].(string)
	require.Contains(t, x.keys("show", id), "Old secret until")
	secret, fresh = overlapping, x.object("rotate", id, "--leaked")["secret"].(string)
	require.NotContains(t, x.keys("show", id), "Old secret until")
	_, err = verify(secret)
	require.ErrorIs(t, err, authz.ErrUnauthenticated, "--leaked ends the overlap of a day")
	_, err = verify(fresh)
	require.NoError(t, err)

	require.Equal(t, "disabled", x.object("disable", id)["state"])
	_, err = verify(fresh)
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	require.Contains(t, x.keys("list"), "  disabled  ")
	require.Contains(t, x.keys("enable", id), "State        active")
	// The words of earlier versions, which the help does not show.
	require.Equal(t, "disabled", x.object("deactivate", id)["state"])
	require.Equal(t, "active", x.object("activate", id)["state"])
	inAYear := created.AddDate(1, 0, 0).Format(time.DateOnly)
	require.Equal(t, inAYear+"T00:00:00Z", x.object("expire", id, inAYear)["expiresAt"])
	require.NotContains(t, x.object("expire", id, "never"), "expiresAt")
	require.Equal(t, "expired", x.object("expire", second[1], "0")["state"])

	list := x.keys("list")
	lines := strings.Split(list, "\n")
	require.Len(t, lines, 4)
	require.Regexp(t, `^`+id+`  sensor 7, hall B  plant-1  free  active   \d{4}-\d\d-\d\d \d\d:\d\dZ  never `, lines[1])
	require.Regexp(t, `^`+second[1]+` .* expired `, lines[2])
	require.NotContains(t, x.keys("list", "--owner", "plant-1"), second[1])

	// A secret is not printed again, nor its hash.
	for _, again := range []string{list, x.keys("list", "--json"), x.keys("show", id), x.keys("show", id, "--json"), x.keys("expire", id, "1h", "--json")} {
		for _, hidden := range []string{secret[len(secret)-40:], fresh[len(fresh)-40:], "0123456789-usage", "hash", "Hash"} {
			require.NotContains(t, again, hidden)
		}
	}
	kept, err := store.Get(t.Context(), id)
	require.NoError(t, err)
	require.NotEmpty(t, kept.Hash)
	require.NotContains(t, x.keys("show", id, "--json"), kept.Hash)

	require.Contains(t, x.fails(1, "keys", "delete", id), "disable it first, or use --force")
	require.Equal(t, "Deleted key "+id+".\n", x.keys("delete", id, "--force"))
	require.Equal(t, map[string]any{"id": second[1], "deleted": true}, x.object("delete", second[1]))
	require.Contains(t, x.fails(1, "keys", "show", id), "no such key")
	require.Contains(t, x.fails(1, "keys", "rotate", id), "run gatesock keys list")
}

func TestPlans(t *testing.T) {
	t.Parallel()
	x := newTool(t)
	plans := func(args ...string) string {
		t.Helper()
		out, problems, status := x.run(append([]string{"plans"}, args...)...)
		require.Zero(t, status, "%s", problems)
		return out
	}
	require.Equal(t, "NAME  RATE/S  BURST  QUOTAS\n", plans("list"))
	require.Equal(
		t,
		"NAME  RATE/S  BURST  QUOTAS\nfree  0.5     5      1000 per day (Europe/Berlin), 20000 per month (Europe/Berlin)\n",
		plans(
			"set",
			"free",
			"--rate",
			"0.5",
			"--burst",
			"5",
			"--per-day",
			"1000",
			"--per-month",
			"20000",
			"--zone",
			"Europe/Berlin",
		),
	)
	require.Contains(t, plans("set", "all"), "all   -       -      -\n")
	require.JSONEq(
		t,
		`[{"name":"all"},{"name":"free","rate":0.5,"burst":5,"quotas":[{"max":1000,"per":"day","zone":"Europe/Berlin"},`+
			`{"max":20000,"per":"month","zone":"Europe/Berlin"}]}]`,
		plans("list", "--json"),
	)
	require.JSONEq(t, `{"name":"all"}`, plans("show", "all", "--json"))

	store := x.db().Plans()
	limits, err := store.Plan(t.Context(), "free")
	require.NoError(t, err)
	require.Equal(t, ratelimit.Limit{Rate: 0.5, Burst: 5}, limits.Limit)

	require.Equal(t, "Deleted plan all.\n", plans("delete", "all"))
	require.Contains(t, x.fails(1, "plans", "show", "all"), `there is no plan "all"; run gatesock plans list`)
	require.Contains(t, x.fails(1, "plans", "delete", "all"), `there is no plan "all"`)
	require.Contains(t, x.fails(2, "plans", "set", "x", "--zone", "Mars"), "--zone")
	require.Contains(t, x.fails(1, "plans", "set", "x", "--rate", "1"), "burst")
	require.Contains(t, x.fails(1, "plans", "set", "x", "--per-day=-1"), "quota")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	x := newTool(t)
	store := x.db().Usage()
	today := time.Now().UTC()
	day := today.Format(time.DateOnly)
	yesterday := today.AddDate(0, 0, -1).Format(time.DateOnly)
	longAgo, dayBefore := today.AddDate(0, 0, -300).
		Format(time.DateOnly),
		today.AddDate(0, 0, -301).
			Format(time.DateOnly)
	_, _, err := store.Add(t.Context(), []metering.Record{
		{Day: day, Kind: "key", Name: "k1", Connections: 2, Messages: 30},
		{Day: day, Kind: "plan", Name: "pro, new", Connections: 2, Messages: 30},
		{Day: yesterday, Kind: "key", Name: "k1", Connections: 1, Messages: 4},
		{Day: longAgo, Kind: "key", Name: "k1", Messages: 1},
	})
	require.NoError(t, err)
	usage := func(args ...string) string {
		t.Helper()
		out, problems, status := x.run(append([]string{"usage"}, args...)...)
		require.Zero(t, status, "%s", problems)
		return out
	}
	require.Equal(
		t,
		"DAY         KIND  NAME      CONNECTIONS  MESSAGES\n"+yesterday+"  key   k1        1            4\n"+
			day+"  key   k1        2            30\n"+day+"  plan  pro, new  2            30\n",
		usage(),
	)
	require.Equal(
		t,
		"day,kind,name,connections,messages\n"+day+",plan,\"pro, new\",2,30\n",
		usage("--kind", "plan", "--format", "csv"),
	)
	require.JSONEq(t, `[{"day":"`+longAgo+`","kind":"key","name":"k1","connections":0,"messages":1}]`,
		usage("--from", dayBefore, "--to", longAgo, "--name", "k1", "--format", "json"))
	require.Equal(t, "[]\n", usage("--name", "nobody", "--format", "json"))
	require.Contains(t, x.fails(2, "usage", "--from", day, "--to", longAgo), "--from is after --to")
	require.Contains(t, x.fails(2, "usage", "--from", "2020-01-01"), "at most 400")
	require.Contains(t, x.fails(2, "usage", "--from", "soon"), `invalid day "soon"`)
	require.Contains(t, x.fails(2, "usage", "--from", "-3 days ago"), "day")
	require.Contains(t, x.fails(2, "usage", "--format", "xml"), "format")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	x := newTool(t)
	for _, c := range []struct {
		status int
		args   []string
		says   string
	}{
		{2, []string{"keys", "list", "--tables"}, "--tables"},
		{2, []string{"keys", "create"}, "--owner"},
		{2, []string{"keys", "show"}, "<id>"},
		{2, []string{"keys", "create", "--owner", "x", "--expires", "soon"}, `invalid expiry "soon"`},
		{2, []string{"keys", "create", "--owner", "x", "--expires", "99999999999d"}, "invalid expiry"},
		{2, []string{"keys", "rotate", "x", "--overlap=-1h"}, "invalid duration"},
		{2, []string{"keys", "create", "--owner", "x", "--prefix", "A B"}, "--prefix"},
		{2, []string{"keys", "rotate", "x", "--leaked", "--overlap", "1h"}, "--leaked"},
		{1, []string{"keys", "create", "--owner", "x", "--expires", "2001-01-01"}, "has passed"},
		{1, []string{"keys", "create", "--owner", "x", "--scope", "a b"}, `scope "a b"`},
		{1, []string{"keys", "create", "--owner", "x", "--attribute", "key=y"}, `the attribute "key" is reserved`},
		{1, []string{"keys", "list", "--table", "no-such-table"}, `there is no table "no-such-table"`},
		{1, []string{"keys", "show", "a#b"}, "no such key"},
		{1, []string{"keys", "show", ""}, "apikey"},
	} {
		require.Contains(t, x.fails(c.status, c.args...), c.says, "%q", c.args)
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"never":                     {},
		"0":                         now,
		"90d":                       now.Add(90 * 24 * time.Hour),
		"1h30m":                     now.Add(90 * time.Minute),
		"2027-01-31":                time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		"2027-01-31T12:00:00+02:00": time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC),
	} {
		var e expiry
		require.NoError(t, e.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, e.from(now), text)
	}
	for _, text := range []string{"", "d", "-1d", "1w", "-1h", "106752d", "tomorrow", "2027-13-01"} {
		require.Error(t, new(expiry).UnmarshalText([]byte(text)), text)
	}
}

// The name of a key cannot move the terminal's cursor or add a line.
func TestClean(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := printer{w: &out}
	require.NoError(t, p.list([]apikey.Key{{ID: "1", Name: "a\x1b[2Jb\nc\td", Owner: "ü é"}}))
	require.Contains(t, out.String(), `"a\x1b[2Jb\nc\td"`)
	require.Contains(t, out.String(), "ü é")
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
}
