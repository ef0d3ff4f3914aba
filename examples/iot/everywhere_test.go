package iot_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/wstest"
)

// The tests of this file run in memory, over loopback, and at an app that is deployed. They make
// their keys in its table, and delete them at the end:
//
//	GATESOCK_TEST_URL=wss://abc123.execute-api.eu-west-1.amazonaws.com/prod \
//	IOT_TEST_TABLE=iot AWS_REGION=eu-west-1 go test ./iot -run '/deployed'

// site is an app in one of the places. People have keys of the app, so that its own authorizer
// decides everywhere.
type site struct {
	*wstest.Place
	people
}

// everywhere runs a test in all places.
func everywhere(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	var keys *apikey.Manager // of the place that is next
	newApp := func(_ *testing.T, rec *wstest.Recorder) lambda.Handler {
		app := iot.NewInMemory(rec)
		keys = app.Keys()
		return behind(app.Handler())
	}
	wstest.Everywhere(t, newApp, func(t *testing.T, p *wstest.Place) {
		if _, ok := p.Deployed(); ok {
			keys = deployedKeys(t)
		}
		test(t, &site{p, people{t, keys, p.Connect}})
	}, api(t))
}

// deployedKeys returns the keys of the deployed app.
func deployedKeys(t *testing.T) *apikey.Manager {
	t.Helper()
	table := os.Getenv("IOT_TEST_TABLE")
	require.NotEmpty(t, table, "IOT_TEST_TABLE must have the name of the app's table")
	// Connections that are idle would outlive the tests.
	once := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.DisableKeepAlives = true })
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(once))
	require.NoError(t, err)
	return apikey.New(dynamo.Open(dynamodb.NewFromConfig(cfg), table).APIKeys())
}

func TestInstructionsThatAreRefused(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *site) {
		t.Parallel()
		acme, globex := s.Unique("acme"), s.Unique("globex")
		s.register(acme, "pump", "p-1")
		s.register(globex, "pump", "g-1")
		ann := s.person(acme)
		for name, c := range map[string]struct {
			in      iot.Instruction
			code    gatesock.Code
			message string
		}{
			"unknown device":           {iot.Instruction{Device: "p-9", Name: "start"}, gatesock.CodeNotFound, `there is no device "p-9"`},
			"device of another tenant": {iot.Instruction{Device: "g-1", Name: "start"}, gatesock.CodeNotFound, `there is no device "g-1"`},
			"unknown command": {
				iot.Instruction{Device: "p-1", Name: "dance"},
				gatesock.CodeInvalidArgument,
				`a pump does not know "dance"; it knows start, stop, speed`,
			},
			"too short": {
				iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 999},
				gatesock.CodeInvalidArgument,
				`"timeoutMs" must be from 1000 to 600000`,
			},
			"negative": {
				iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: -1},
				gatesock.CodeInvalidArgument,
				`"timeoutMs" must be from 1000 to 600000`,
			},
			"too long": {
				iot.Instruction{Device: "p-1", Name: "start", TimeoutMs: 600_001},
				gatesock.CodeInvalidArgument,
				`"timeoutMs" must be from 1000 to 600000`,
			},
			"too large": {
				iot.Instruction{Device: "p-1", Name: "start", Args: json.RawMessage(`"` + strings.Repeat("x", 4096) + `"`)},
				gatesock.CodeInvalidArgument, `"args" must have at most 4096 bytes`,
			},
			"long key": {
				iot.Instruction{Device: "p-1", Name: "start", Key: strings.Repeat("k", 65)},
				gatesock.CodeInvalidArgument, `"key" must have at most 64 bytes`,
			},
		} {
			require.Contains(t, ann.Request("command", c.in).ExpectError(c.code).Message, c.message, name)
		}
		viewer := s.connect(s.key(acme, "", iot.ScopeView, iot.ScopeManage))
		viewer.Request("command", iot.Instruction{Device: "p-1", Name: "start"}).ExpectError(gatesock.CodePermissionDenied)
		s.device(acme, "p-1").Request("command", iot.Instruction{Device: "p-1", Name: "start"}).
			ExpectError(gatesock.CodePermissionDenied)
		require.Empty(t, values[iot.Command](t, ann, "commands:"+acme))
	})
}

// A device speaks about its own commands only; a gateway about those of all devices of its tenant.
func TestWhoMaySendAResult(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *site) {
		t.Parallel()
		acme, globex := s.Unique("acme"), s.Unique("globex")
		s.register(acme, "pump", "p-1", "p-2")
		s.register(globex, "pump", "p-1")
		ann := s.person(acme)
		sent := operate(ann, iot.Instruction{Device: "p-1", Name: "start"})
		in := iot.Result{Command: sent.ID, State: iot.CommandDone}
		for name, c := range map[string]struct {
			client *wstest.Client
			device string
			code   gatesock.Code
		}{
			"another device":              {s.device(acme, "p-2"), "", gatesock.CodeNotFound},
			"in the name of the device":   {s.device(acme, "p-2"), "p-1", gatesock.CodePermissionDenied},
			"another tenant":              {s.device(globex, "p-1"), "", gatesock.CodeNotFound},
			"a gateway of another tenant": {s.connect(s.key(globex, "", iot.ScopeIngest)), "p-1", gatesock.CodeNotFound},
			"a gateway without a device":  {s.connect(s.key(acme, "", iot.ScopeIngest)), "", gatesock.CodeNotFound},
			"a person":                    {ann, "p-1", gatesock.CodePermissionDenied},
		} {
			in.Device = c.device
			require.NotEmpty(t, c.client.Request("result", in).ExpectError(c.code).Message, name)
		}
		device := s.device(acme, "p-1")
		device.Request("result", iot.Result{Command: "unknown", State: iot.CommandDone}).ExpectError(gatesock.CodeNotFound)
		device.Request("result", iot.Result{Command: sent.ID, State: "lost"}).ExpectError(gatesock.CodeInvalidArgument)
		device.Request("result", iot.Result{Command: sent.ID, State: iot.CommandExpired}).ExpectError(gatesock.CodeInvalidArgument)
		for _, large := range []iot.Result{
			{Command: sent.ID, State: iot.CommandDone, Result: json.RawMessage(`"` + strings.Repeat("x", 4096) + `"`)},
			{Command: sent.ID, State: iot.CommandDone, Message: strings.Repeat("x", 401)},
			{Command: strings.Repeat("x", 65), State: iot.CommandDone},
		} {
			device.Request("result", large).ExpectError(gatesock.CodeInvalidArgument)
		}
		require.Equal(t, sent, values[iot.Command](t, ann, "commands:"+acme)[sent.ID])
		in.Device = "p-1"
		require.Equal(t, iot.CommandDone, answer(s.connect(s.key(acme, "", iot.ScopeIngest)), in).State)
	})
}

func TestUnknownDevicesCannotConnect(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, s *site) {
		t.Parallel()
		acme := s.Unique("acme")
		s.register(acme, "thermometer", "t-1")
		ann := s.person(acme)
		require.Equal(t, 404, s.ConnectRefused(wstest.WithHeader("X-Api-Key", s.key(acme, "t-9", iot.ScopeDevice))))
		n := values[iot.Refusals](t, ann, "refusals:"+acme)["unknown_device"]
		require.EqualValues(t, 1, n.Count)
		require.Equal(t, "t-9: connects", n.Example)
	})
}
