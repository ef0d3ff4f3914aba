package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// set adds a variable to the tool's environment, in place of one that it has.
func (x *tool) set(name, value string) { x.env = append(x.env, name+"="+value) } // the last one counts

// unconfigured takes from the tool everything that the machine's AWS configuration could say.
func (x *tool) unconfigured() {
	for _, line := range x.env {
		if name, _, _ := strings.Cut(line, "="); strings.HasPrefix(name, "AWS_") {
			x.set(name, "")
		}
	}
	x.set("AWS_CONFIG_FILE", os.DevNull)
	x.set("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	x.set("AWS_EC2_METADATA_DISABLED", "true")
}

// localEndpoint is where the tests' DynamoDB Local is.
func localEndpoint(t *testing.T) string {
	t.Helper()
	return aws.ToString(dynamotest.Local(t).Options().BaseEndpoint)
}

// TestStatus checks the output and the exit status of every kind of command line.
func TestStatus(t *testing.T) {
	t.Parallel()
	const (
		usage = `Usage: gatesock <command> \[flags\](.|\n)*\nBuild, run and deploy:\n  new (.|\n)*\n  template (.|\n)*` +
			`\nOperate:\n  connections list(.|\n)*keys create(.|\n)*plans set(.|\n)*usage (.|\n)*\nOther:\n  help (.|\n)*version `
		onKeys = `Usage: gatesock keys --table=STRING <command>(.|\n)*\n  keys rotate  +Replace a key`
		onMake = `Usage: gatesock keys create --table=STRING --owner=STRING(.|\n)*Create a key and print its secret, once.`
		which  = `^gatesock \S+ \(go1\.\S+, \w+/\w+\)\n$`
		see    = `\nRun gatesock help, or add --help to a command\.\n$`
	)
	for line, c := range map[string]struct {
		status         int
		stdout, stderr string // patterns; "" is nothing
	}{
		"":                                   {0, usage, ""},
		"help":                               {0, usage, ""},
		"-h":                                 {0, usage, ""},
		"--help":                             {0, usage, ""},
		"help keys":                          {0, onKeys, ""},
		"keys --help":                        {0, onKeys, ""},
		"keys -h":                            {0, onKeys, ""},
		"help keys create":                   {0, onMake, ""},
		"keys create --help":                 {0, onMake, ""},
		"help plans set":                     {0, `Usage: gatesock plans set`, ""},
		"help usage":                         {0, `Usage: gatesock usage`, ""},
		"help template":                      {0, `Usage: gatesock template \[<package>\](.|\n)*\n    gatesock template -o template.yaml\n`, ""},
		"describe --help":                    {0, `Usage: gatesock describe \[<package>\]`, ""},
		"help asyncapi":                      {0, `Usage: gatesock asyncapi \[<package>\]`, ""},
		"help types":                         {0, `Usage: gatesock types \[<package>\]`, ""},
		"help diff":                          {0, `Usage: gatesock diff <old> <new>`, ""},
		"describe --from none.json":          {1, "", `^gatesock: open none\.json: no such file or directory\n$`},
		"describe --from none.json .":        {2, "", `--from replaces the package` + `(.|\n)*` + see},
		"describe --from .":                  {1, "", `^gatesock: \. is a folder: name a file with a description\n$`},
		"asyncapi --host wss://x":            {2, "", `--host: "wss://x" is not a host like ws\.example\.com` + see},
		"asyncapi --path x":                  {2, "", `--path: "x" does not begin with /` + see},
		"diff none.json -":                   {2, "", `^gatesock: open none\.json: no such file or directory\n$`},
		"diff - -":                           {2, "", `only one of the descriptions` + `(.|\n)*` + see},
		"help help":                          {0, `Usage: gatesock help`, ""},
		"help version":                       {0, `Usage: gatesock version`, ""},
		"version":                            {0, which, ""},
		"--version":                          {0, which, ""},
		"keys --version":                     {0, which, ""},
		"help dance":                         {2, "", `unexpected argument dance` + see},
		"help keys dance":                    {2, "", `unexpected argument dance` + see},
		"help --dance":                       {2, "", `unknown flag --dance` + see},
		"version dance":                      {2, "", `unexpected argument dance` + see},
		"dance":                              {2, "", `unexpected argument dance` + see},
		"--dance":                            {2, "", `unknown flag --dance` + see},
		"keys":                               {2, "", `expected one of "create"` + `(.|\n)*` + see},
		"plans":                              {2, "", `expected one of "set"` + `(.|\n)*` + see},
		"keys dance":                         {2, "", `unexpected argument dance` + see},
		"keys list --dance":                  {2, "", `unknown flag --dance` + see},
		"keys create":                        {2, "", `missing flags: --owner` + `(.|\n)*` + see},
		"keys show":                          {2, "", `expected "<id>"` + see},
		"keys list --dynamodb":               {2, "", `--dynamodb` + `(.|\n)*` + see},
		"keys list --dynamodb localhost:80":  {2, "", `"localhost:80" is not an address like http://127\.0\.0\.1:8000` + see},
		"keys list --dynamodb http://":       {2, "", `"http://" is not an address like` + `(.|\n)*` + see},
		"keys list --region eu/x":            {2, "", `--region: "eu/x" is not a region like eu-central-1` + see},
		"plans set x --zone Mars":            {2, "", `--zone: unknown time zone Mars` + see},
		"plans set x --rate much":            {2, "", `--rate` + `(.|\n)*` + see},
		"keys create --owner x --prefix A!B": {2, "", `--prefix: .*"A!B"` + `(.|\n)*` + see},
		"usage --from 2026-03-02 --to 2026-03-01": {2, "", `--from is after --to` + see},
		"usage --from 2001-01-01 --to 2026-03-01": {2, "", `want at most \d+` + see},
		"keys list --table=":                      {2, "", `--table is empty` + see},
		"plans list --table=":                     {2, "", `--table is empty` + see},
		"usage --table=":                          {2, "", `--table is empty` + see},
		"connections":                             {2, "", `expected one of "list"` + `(.|\n)*` + see},
		"help connections":                        {0, `Usage: gatesock connections --table=STRING <command>(.|\n)*\n  connections send`, ""},
		"help connections send":                   {0, `Usage: gatesock connections send --table=STRING \[<id> \[<data>\]\]`, ""},
		"connections show none":                   {1, "", `^gatesock: there is no record of connection none; run gatesock connections list to see all\n$`},
		"connections list":                        {0, `^ID  USER  CONNECTED`, ""},
		"usage --format xml":                      {2, "", `--format must be one of` + `(.|\n)*` + see},
		"keys show none":                          {1, "", `^gatesock: .*no such key.*\n$`},
		"plans show none":                         {1, "", `^gatesock: there is no plan "none".*\n$`},
		"keys list --profile none":                {1, "", `^gatesock: the AWS configuration: .*none\n$`},
		"keys list":                               {0, `^ID  NAME  OWNER`, ""},
		"plans list":                              {0, `^NAME  `, ""},
		"usage":                                   {0, `^DAY  KIND`, ""},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := newTool(t).run(strings.Fields(line)...)
			require.Equal(t, c.status, status, "%s%s", stdout, stderr)
			for text, pattern := range map[string]string{stdout: c.stdout, stderr: c.stderr} {
				if pattern == "" {
					require.Empty(t, text)
				} else {
					require.Regexp(t, pattern, text)
				}
			}
			require.NotContains(t, stderr, "\n\n")
		})
	}
}

// TestDynamoDBErrors checks the errors of commands that cannot reach their table.
func TestDynamoDBErrors(t *testing.T) {
	t.Parallel()
	refused := func(*testing.T) string { return "http://127.0.0.1:1" } // nobody listens there; a free port may be another test's soon
	answers := func(status int, contentType, body string) func(t *testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}))
			t.Cleanup(s.Close)
			return s.URL
		}
	}
	problem := func(code, message string) func(t *testing.T) string {
		text, err := json.Marshal(
			map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": message},
		)
		require.NoError(t, err)
		return answers(400, "application/x-amz-json-1.0", string(text))
	}
	withKey := func(key string) func(*tool) {
		return func(x *tool) {
			x.set("AWS_ACCESS_KEY_ID", key)
			x.set("AWS_SECRET_ACCESS_KEY", "secret")
		}
	}
	for name, c := range map[string]struct {
		at   func(t *testing.T) string
		set  func(*tool)
		says string
	}{
		"no such table": {
			localEndpoint, withKey("AKIAIOSFODNN7EXAMPLE"),
			`^gatesock: there is no table "no-such-table" at \S+, region us-east-1, access key AKIA…MPLE: check --table; DynamoDB Local .* -sharedDb; .*\n$`,
		},
		"another region": {
			localEndpoint, func(x *tool) { x.set("AWS_REGION", "eu-west-3") },
			`^gatesock: there is no table "no-such-table" at \S+, region eu-west-3, access key local: `,
		},
		"nobody listens": {
			refused, func(*tool) {},
			`^gatesock: can't reach DynamoDB at http://127\.0\.0\.1:\d+, region us-east-1: .*refused: check that DynamoDB Local runs there\n$`,
		},
		"another server": {
			answers(404, "text/html", "<html>\x1b[2J not found</html>"), func(*tool) {},
			`^gatesock: the server at http://127\.0\.0\.1:\d+, region us-east-1 is not DynamoDB: check that DynamoDB Local runs there\n$`,
		},
		"refused credentials": {
			problem("UnrecognizedClientException", "The security token included in the request is invalid."), withKey("AKIAIOSFODNN7EXAMPLE"),
			`refuses the credentials, access key AKIA…MPLE: The security token included in the request is invalid\.: check --profile`,
		},
		"a refused signature": {
			problem("InvalidSignatureException", "Signature expired"), withKey("AKID"),
			`refuses the credentials, access key AKID: Signature expired: check`,
		},
		"an expired token": {problem("ExpiredTokenException", "The token is expired"), func(*tool) {}, `refuses the credentials.*expired`},
		"not permitted": {
			problem("AccessDeniedException", "User: x is not authorized to perform: dynamodb:Query"), func(*tool) {},
			`the credentials, access key local, may not do this on table "no-such-table" at .*: User: x is not authorized to perform: dynamodb:Query`,
		},
		"escapes and length": {
			problem("AccessDeniedException", "\x1b[2J\r\n"+strings.Repeat("é", 5000)), func(*tool) {}, `: \\x1b\[2J\\r\\né+… \(\d+ bytes\)\n$`,
		},
		"other answers": {problem("LimitExceededException", "too many"), func(*tool) {}, `LimitExceededException: .*too many`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := []string{"keys list"}
			if name == "no such table" { // every command finds that out in another way
				lines = append(
					lines,
					"plans list",
					"usage",
					"keys create --owner x",
					"plans set x",
					"keys show 0K3f9bQxT2mR",
				)
			}
			for _, line := range lines {
				x := newTool(t)
				x.unconfigured()
				x.set("AWS_MAX_ATTEMPTS", "1")
				c.set(x)
				problems := x.fails(
					1,
					append(strings.Fields(line), "--table", "no-such-table", "--dynamodb", c.at(t))...)
				require.Regexp(t, c.says, problems, line)
				require.Less(t, len(problems), 2100, line)
				require.Equal(t, 1, strings.Count(problems, "\n"), line)
			}
		})
	}
}

// If the answer to a write was cut off, the command does not propose to try again: rotating a key
// twice would end the secret that clients use.
func TestAnswerThatIsCutOff(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "{")
	}))
	t.Cleanup(s.Close)
	for line, says := range map[string]string{
		"keys create --owner x": `was cut off: .*EOF; it may exist: check before you try again\n$`,
		"keys list":             `was cut off: .*EOF: try again\n$`,
	} {
		x := newTool(t)
		x.unconfigured()
		require.Regexp(t, says, x.fails(1, append(strings.Fields(line), "--table", "t", "--dynamodb", s.URL)...), line)
	}
}

// A table that another program made has other keys.
func TestAnotherKindOfTable(t *testing.T) {
	t.Parallel()
	x, db := newTool(t), dynamotest.Local(t)
	name := "other-" + x.namespace
	_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("number"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("number"), KeyType: types.KeyTypeHash},
		},
	})
	require.NoError(t, err)
	require.Contains(t, x.fails(1, "keys", "list", "--table", name, "--dynamodb", localEndpoint(t)), "template.json")
}

// TestNoConfiguration checks the errors of an AWS configuration that lacks something.
func TestNoConfiguration(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"keys list", "plans list", "usage"} {
		x := newTool(t)
		x.unconfigured()
		args := strings.Fields(line)
		require.Equal(t, "gatesock: no AWS region: use --region, or set AWS_REGION\n", x.fails(1, args...), line)
		require.Regexp(
			t,
			`^gatesock: no AWS credentials: set AWS_ACCESS_KEY_ID and .*--profile: .*\n$`,
			x.fails(1, append(args, "--region", "eu-west-3")...),
		)
	}
}

// TestLocalCredentials checks the access key and the region that requests to DynamoDB Local have.
func TestLocalCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := dir + "/credentials"
	require.NoError(
		t,
		os.WriteFile(
			file,
			[]byte(
				"[default]\naws_access_key_id=FILEKEY\naws_secret_access_key=s\n[second]\naws_access_key_id=SECONDKEY\naws_secret_access_key=s\n"+
					"[broken]\ncredential_process=/no/such/program\n",
			),
			0o600,
		),
	)
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		want string // access key and region
	}{
		"nothing":          {nil, nil, "local us-east-1"},
		"a region":         {map[string]string{"AWS_REGION": "eu-west-3"}, nil, "local eu-west-3"},
		"a region's flag":  {map[string]string{"AWS_REGION": "eu-west-3"}, []string{"--region", "ca-west-1"}, "local ca-west-1"},
		"the environment":  {map[string]string{"AWS_ACCESS_KEY_ID": "ENVKEY", "AWS_SECRET_ACCESS_KEY": "s"}, nil, "ENVKEY us-east-1"},
		"a file":           {map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file}, nil, "FILEKEY us-east-1"},
		"a profile":        {map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file}, []string{"--profile", "second"}, "SECONDKEY us-east-1"},
		"AWS_PROFILE":      {map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file, "AWS_PROFILE": "second"}, nil, "SECONDKEY us-east-1"},
		"not another's":    {map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}, nil, "local us-east-1"},
		"a broken profile": {map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file}, []string{"--profile", "broken"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scope := regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/dynamodb/`)
			var mu sync.Mutex
			got := ""
			x := newTool(t)
			x.unconfigured()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				// Programs that wait for a DynamoDB Local ask the port that they want for it, which may be this
				// one.
				body, err := io.ReadAll(r.Body)
				if err != nil || !strings.Contains(string(body), x.namespace) {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
					mu.Lock()
					got = m[1] + " " + m[2]
					mu.Unlock()
				}
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				_, _ = io.WriteString(w, `{"Items":[],"Count":0}`)
			}))
			defer s.Close()
			for name, value := range c.env {
				x.set(name, value)
			}
			args := append([]string{"plans", "list", "--table", "table-" + x.namespace, "--dynamodb", s.URL}, c.args...)
			if c.want == "" { // It is not passed over for another access key, whose tables are others.
				require.Contains(t, x.fails(1, args...), "no AWS credentials")
				return
			}
			_, problems, status := x.run(args...)
			require.Zero(t, status, "%s", problems)
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, c.want, got)
		})
	}
}

// A table of DynamoDB Local is found with --dynamodb alone.
func TestLocalTable(t *testing.T) {
	t.Parallel()
	x := newTool(t)
	x.unconfigured()
	name := "local-" + x.namespace
	require.NoError(t, dynamo.Open(dynamotest.Local(t), name).CreateTable(t.Context()))
	out, problems, status := x.run("keys", "list", "--json", "--table", name, "--dynamodb", localEndpoint(t))
	require.Zero(t, status, "%s", problems)
	require.Equal(t, "[]\n", out)
}

// A panic is not an exit.
func TestRunKeepsPanics(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "boom", func() { run(t.Context(), []string{"version"}, streams{out: panicking{}, err: io.Discard}) })
}

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("boom") }

// What can't be written is not a success.
func TestRunReportsAFullDisk(t *testing.T) {
	t.Parallel()
	var problems strings.Builder
	for _, args := range [][]string{{"version"}, {"--version"}} {
		require.Equal(t, 1, run(t.Context(), args, streams{out: full{}, err: &problems}), args)
	}
	require.Contains(t, problems.String(), os.ErrClosed.Error())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }
