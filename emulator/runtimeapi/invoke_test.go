package runtimeapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

func TestInvoke(t *testing.T) {
	t.Parallel()
	reports := make(chan runtimeapi.Report, 10)
	cfg := program(t, "echo")
	cfg.Report = func(r runtimeapi.Report) { reports <- r }
	f := start(t, cfg)
	for n, want := range []string{`{"a":1}`, `"` + strings.Repeat("x", 1<<20) + `"`, `null`} {
		got, err := f.Invoke(context.Background(), []byte(want))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		r := <-reports
		require.Equal(t, "function.1", r.Instance)
		require.Equal(t, n == 0, r.ColdStart)
		require.Equal(t, n == 0, r.InitDuration > 0)
		require.Nil(t, r.Err)
		require.True(t, r.Replied)
		require.Positive(t, r.Duration)
	}
}

// TestInvokeManyAtOnce has more callers than instances.
func TestInvokeManyAtOnce(t *testing.T) {
	t.Parallel()
	cfg := program(t, "echo")
	cfg.Concurrency = 3
	var mu sync.Mutex
	instances := map[string]int{}
	cfg.Report = func(r runtimeapi.Report) {
		mu.Lock()
		defer mu.Unlock()
		instances[r.Instance]++
	}
	f := start(t, cfg)
	var callers sync.WaitGroup
	for n := range 20 {
		callers.Go(func() {
			for m := range 10 {
				want, _ := json.Marshal([]int{n, m})
				got, err := f.Invoke(context.Background(), want)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("got %s, %v, want %s", got, err, want)
				}
			}
		})
	}
	callers.Wait()
	require.NoError(t, f.Close(context.Background()))
	mu.Lock()
	defer mu.Unlock()
	require.LessOrEqual(t, len(instances), 3)
	all := 0
	for _, n := range instances {
		all += n
	}
	require.Equal(t, 200, all)
}

// TestFailures runs a program that fails in ways of its own, and works afterwards.
func TestFailures(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines []runtimeapi.Line
	reports := make(chan runtimeapi.Report, 10)
	cfg := program(t, "obey")
	cfg.Concurrency = 1
	cfg.Report = func(r runtimeapi.Report) { reports <- r }
	cfg.Log = func(l runtimeapi.Line) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, l)
	}
	f := start(t, cfg)
	for _, c := range []struct {
		event, kind, message string // ID in the message is the request id
	}{
		{"fail", "errorString", "it failed"},
		{"panic", "string", "it panicked"},
		{"exit 3", runtimeapi.TypeExit, "RequestId: ID Error: Runtime exited with error: exit status 3"},
		{"exit 0", runtimeapi.TypeExit, "RequestId: ID Error: Runtime exited without providing a reason"},
		{"large", runtimeapi.TypeTooLarge, "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
	} {
		event, _ := json.Marshal(c.event)
		_, err := f.Invoke(context.Background(), event)
		r := <-reports
		var failed *runtimeapi.Error
		require.ErrorAs(t, err, &failed, c.event)
		require.Equal(t, c.kind, failed.Type, c.event)
		require.Equal(t, strings.ReplaceAll(c.message, "ID", r.RequestID), failed.Message)
		require.Same(t, failed, r.Err)
		require.Equal(t, !strings.HasPrefix(c.event, "exit"), r.Replied)
		require.Equal(t, c.event == "panic", failed.StackTrace != nil)
		var payload struct{ ErrorType, ErrorMessage string }
		require.NoError(t, json.Unmarshal(failed.Payload(), &payload))
		require.Equal(t, failed.Type, payload.ErrorType)
		require.Equal(t, failed.Message, payload.ErrorMessage)

		got, err := f.Invoke(context.Background(), []byte(`"this"`))
		require.NoError(t, err)
		require.Equal(t, `"did this"`, string(got))
		require.Nil(t, (<-reports).Err)
	}
	require.NoError(t, f.Close(context.Background()))
	mu.Lock()
	defer mu.Unlock()
	require.True(t, slices.ContainsFunc(lines, func(l runtimeapi.Line) bool {
		return l.Stream == runtimeapi.Platform && strings.HasSuffix(l.Text, "exit status 3")
	}))
}

// TestReplyAndEnd runs a program that ends when it has sent its reply: the reply counts.
func TestReplyAndEnd(t *testing.T) {
	t.Parallel()
	reports := make(chan runtimeapi.Report, 1)
	cfg := program(t, "hasty")
	cfg.Report = func(r runtimeapi.Report) { reports <- r }
	f := start(t, cfg)
	for range 10 {
		got, err := f.Invoke(context.Background(), []byte("1"))
		require.NoError(t, err)
		require.Equal(t, "2", string(got))
		r := <-reports
		require.True(t, r.Replied)
		require.Equal(t, runtimeapi.TypeExit, r.Err.Type)
	}
}

func TestProgramsThatDoNotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind, message string
		starts        int
	}{
		"exit at once": {runtimeapi.TypeExit, "RequestId: ID Error: Runtime exited with error: exit status 2", 2},
		"init error":   {"Config.Missing", "no table", 2},
		"missing":      {runtimeapi.TypeStart, "RequestId: ID Error: fork/exec /nowhere/bootstrap: no such file or directory", 1},
		"no command":   {runtimeapi.TypeStart, `RequestId: ID Error: exec: "gatesock-no-such-program": executable file not found in $PATH`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var cfg runtimeapi.Config
			switch name {
			case "missing":
				cfg.Command = []string{"/nowhere/bootstrap"}
			case "no command":
				cfg.Command = []string{"gatesock-no-such-program"}
			default:
				cfg = program(t, name)
			}
			reports := make(chan runtimeapi.Report, 10)
			cfg.Report = func(r runtimeapi.Report) { reports <- r }
			f := start(t, cfg)
			for n := range 2 {
				id := "01234567-89ab-cdef-0123-456789abcde" + string(rune('0'+n))
				ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: id})
				_, err := f.Invoke(ctx, nil)
				var failed *runtimeapi.Error
				require.ErrorAs(t, err, &failed)
				require.Equal(t, c.kind, failed.Type)
				require.Equal(t, strings.ReplaceAll(c.message, "ID", id), failed.Message)
				r := <-reports
				require.Equal(t, id, r.RequestID)
				require.Same(t, failed, r.Err)
				require.Equal(t, "function."+string(rune('0'+c.starts*(n+1))), r.Instance)
			}
			var failed *runtimeapi.Error
			require.ErrorAs(t, f.Warm(context.Background()), &failed)
			require.Equal(t, c.kind, failed.Type)
		})
	}
}

// TestCommandIsRelativeToDir runs a program by a path that begins at the function's folder.
func TestCommandIsRelativeToDir(t *testing.T) {
	t.Parallel()
	cfg := program(t, "echo")
	cfg.Dir = filepath.Dir(cfg.Command[0])
	cfg.Command = []string{"./" + filepath.Base(cfg.Command[0])}
	f := start(t, cfg)
	got, err := f.Invoke(context.Background(), []byte("1"))
	require.NoError(t, err)
	require.Equal(t, "1", string(got))
}

func TestConfigurationsThatNoFunctionHas(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]runtimeapi.Config{
		`FunctionName is "a b"`:         {FunctionName: "a b"},
		"MemoryMB is 127":               {MemoryMB: 127},
		"MemoryMB is 10241":             {MemoryMB: 10241},
		"Timeout is 16m0s":              {Timeout: 16 * time.Minute},
		"Timeout is -1ns":               {Timeout: -1},
		"InitTimeout is -1ns":           {InitTimeout: -1},
		"IdleTimeout is -1ns":           {IdleTimeout: -1},
		"FreezeDelay is -1ns":           {FreezeDelay: -1},
		"Concurrency is -1":             {Concurrency: -1},
		"the program's name in Command": {Command: []string{""}},
		`Env has "A"`:                   {Env: []string{"A"}},
		`Env has "=B"`:                  {Env: []string{"=B"}},
	} {
		_, err := runtimeapi.New(cfg)
		require.ErrorContains(t, err, "runtimeapi: "+want)
	}
	f := start(t, runtimeapi.Config{})
	require.ErrorContains(t, f.Replace(runtimeapi.Config{MemoryMB: 1}), "MemoryMB is 1")
}

// TestEnvironment checks that the process has the variables that Lambda sets and those of the
// configuration, and none of this process.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, os.Getenv("HOME")+os.Getenv("PATH"))
	folder := t.TempDir()
	x := newTheatre(t, func(cfg *runtimeapi.Config) {
		cfg.FunctionName, cfg.Handler, cfg.Region, cfg.MemoryMB, cfg.Dir = "hello", "app.handler", "eu-west-1", 512, folder
		cfg.Env = append(cfg.Env, "TABLE=a=b", "AWS_REGION=us-west-2", "LANG=C", "TABLE=c")
		cfg.InstanceEnv = func(instance string) []string { return []string{"PROXY=http://" + instance + "@here"} }
	})
	p, _ := x.warm(t)
	got := map[string]string{}
	for _, variable := range p.hello.Env {
		name, value, _ := strings.Cut(variable, "=")
		got[name] = value
	}
	require.Regexp(t, `^20\d\d/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`, got["AWS_LAMBDA_LOG_STREAM_NAME"])
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, got["AWS_LAMBDA_RUNTIME_API"])
	for _, name := range []string{"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "CONTROL", childVariable} {
		delete(got, name)
	}
	require.Equal(t, map[string]string{
		"AWS_DEFAULT_REGION":              "eu-west-1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
		"AWS_LAMBDA_FUNCTION_NAME":        "hello",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/hello",
		"AWS_REGION":                      "eu-west-1",
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":         "127.0.0.1:2000",
		"LAMBDA_TASK_ROOT":                folder,
		"LANG":                            "C",
		"PATH":                            "/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"PROXY":                           "http://hello.1@here",
		"TABLE":                           "c",
		"TZ":                              ":UTC",
		"_HANDLER":                        "app.handler",
	}, got)
	got["folder"] = p.do("folder")
	require.Equal(t, folder, got["folder"])
}
