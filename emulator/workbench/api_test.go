package workbench_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// TestErrors is the table of what the HTTP API refuses. One client is open, #1.
func TestErrors(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	f.connect(`{}`)
	ended := f.connect(`{}`)
	ok[anyMap](t, f.bench, "POST", "connections/"+ended+"/close", `{"by":"client","code":1000,"reason":"bye"}`)
	f.settle()
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		text               string // in the answer
	}{
		"no such endpoint":       {"GET", "nothing", "", 404, "has no /_gatesock/api/nothing"},
		"another method":         {"POST", "state", "", 405, "use GET"},
		"PUT":                    {"PUT", "connections", `{}`, 405, "use GET"},
		"limit is a text":        {"GET", "entries?limit=x", "", 400, `limit=\"x\": want a number`},
		"limit is zero":          {"GET", "entries?limit=0", "", 400, "limit: want a positive number"},
		"after is negative":      {"GET", "entries?after=-1", "", 400, `after=\"-1\"`},
		"after is too large":     {"GET", "entries?after=99999999999999999999", "", 400, "want a number"},
		"an unknown id":          {"GET", "connections/x", "", 404, "There is no connection x"},
		"an unknown number":      {"GET", "connections/%237", "", 404, "There is no connection #7"},
		"no number":              {"GET", "connections/%23x", "", 400, "want an id, or # and the number"},
		"an unknown stage":       {"POST", "connections", `{"stage":"prod"}`, 404, `stage: there is no \"prod\"; want one of dev`},
		"a header":               {"POST", "connections", `{"headers":{"a b":"c"}}`, 400, "headers"},
		"a header with a break":  {"POST", "connections", `{"headers":{"a":"b\r\nc: d"}}`, 400, "headers"},
		"headers as a text":      {"POST", "connections", `{"headers":"x"}`, 400, "headers, query: want an object"},
		"a pair of three":        {"POST", "connections", `{"query":[["a","b","c"]]}`, 400, "a pair has 3"},
		"a number in the query":  {"POST", "connections", `{"query":{"a":1}}`, 400, "want a text"},
		"a subprotocol":          {"POST", "connections", `{"subprotocols":["a,b"]}`, 400, "subprotocols"},
		"scopes without a user":  {"POST", "connections", `{"scopes":["a"]}`, 400, "user: missing"},
		"user and authorizer":    {"POST", "connections", `{"user":"a","authorizer":{}}`, 400, "want one of them"},
		"an authorizer's object": {"POST", "connections", `{"authorizer":{"a":{}}}`, 400, "authorizer.a"},
		"a refused handshake":    {"POST", "connections", `{"query":{"user":"mallory"}}`, 403, `"status":403`},

		"no body":            {"POST", "connections/%231/messages", "", 400, "no body"},
		"not JSON":           {"POST", "connections/%231/messages", "{", 400, "ends too early"},
		"a list":             {"POST", "connections/%231/messages", "[]", 400, "want an object"},
		"two values":         {"POST", "connections/%231/messages", `{"text":"a"}{}`, 400, "more than one JSON value"},
		"an unknown member":  {"POST", "connections/%231/messages", `{"texts":"a"}`, 400, "texts: no such member"},
		"a wrong type":       {"POST", "connections/%231/messages", `{"text":1}`, 400, "text: got a JSON number, want a string"},
		"not UTF-8":          {"POST", "connections/%231/messages", "{\"text\":\"\xff\"}", 400, "not UTF-8"},
		"not base64":         {"POST", "connections/%231/messages", `{"base64":"?"}`, 400, "base64"},
		"text and base64":    {"POST", "connections/%231/messages", `{"text":"","base64":""}`, 400, "want one of them"},
		"nothing to send":    {"POST", "connections/%231/messages", `{}`, 400, "text: missing"},
		"a large body":       {"POST", "connections/%231/messages", `{"text":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "larger than"},
		"to an ended one":    {"POST", "connections/" + ended + "/messages", `{"text":""}`, 409, "#2 has ended with 1000 bye"},
		"close an ended one": {"POST", "connections/%232/close", `{}`, 409, "has ended"},

		"close by somebody":      {"POST", "connections/%231/close", `{"by":"me"}`, 400, "want gateway, client or lost"},
		"a reserved code":        {"POST", "connections/%231/close", `{"code":1005}`, 400, "code"},
		"a long reason":          {"POST", "connections/%231/close", `{"code":1000,"reason":"` + strings.Repeat("x", 124) + `"}`, 400, "reason"},
		"a client's long reason": {"POST", "connections/%231/close", `{"by":"client","code":1000,"reason":"` + strings.Repeat("x", 124) + `"}`, 400, "123"},
		"a reason without code":  {"POST", "connections/%231/close", `{"by":"client","reason":"x"}`, 400, "code: missing"},
		"a client's wrong code":  {"POST", "connections/%231/close", `{"by":"client","code":70000}`, 400, "1000 to 4999"},

		"no fault":               {"POST", "faults", `{}`, 400, "fault is missing"},
		"an unknown fault":       {"POST", "faults", `{"fault":"flood"}`, 400, "flood"},
		"an unknown stage's":     {"POST", "faults", `{"fault":"gone","stage":"prod"}`, 404, "prod"},
		"a stage of a number":    {"POST", "faults", `{"fault":"gone","stage":1}`, 400, "stage: 1: want a text"},
		"a member it has not":    {"POST", "faults", `{"fault":"gone","delay":"1s"}`, 400, "delay"},
		"an unknown member of a": {"POST", "faults", `{"fault":"gone","x":1}`, 400, "x"},
		"a duration":             {"POST", "faults", `{"fault":"slow","delay":"soon"}`, 400, "delay"},
		"a chance":               {"POST", "faults", `{"fault":"gone","chance":2}`, 400, "chance"},
		"an ended connection's":  {"POST", "faults", `{"fault":"gone","connections":["` + ended + `"]}`, 404, "is not open"},
		"a number's":             {"POST", "faults", `{"fault":"gone","connections":["#9"]}`, 400, "#9 is not open"},
		"an unknown fault's id":  {"DELETE", "faults/7", "", 404, `There is no fault \"7\"`},

		"no duration":     {"POST", "clock", `{}`, 400, "advance"},
		"a bad duration":  {"POST", "clock", `{"advance":"9 minutes"}`, 400, "advance"},
		"a long duration": {"POST", "clock", `{"advance":"100000h"}`, 400, "at most"},
		"no schedules":    {"POST", "schedules/x", "", 404, "no schedules"},
		"no queues":       {"POST", "queues/x", `{"body":""}`, 404, "no queues"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := call(t, f.bench, c.method, c.path, c.body)
			require.Equal(t, c.status, status, answer)
			require.Contains(t, answer, c.text)
			require.Regexp(t, `^\{"error":"..`, answer)
		})
	}
}

// TestPrincipal connects as a user of package authz.
func TestPrincipal(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	id := f.connect(`{"user":"ann","scopes":["chat"],"roles":["admin"],"attributes":{"room":"1"}}`)
	one := ok[anyMap](t, f.bench, "GET", "connections/"+id, "")["authorizer"].(anyMap)
	require.Equal(t, "ann", one["principalId"])
	text := fmt.Sprint(one)
	for _, want := range []string{"chat", "admin", "room"} {
		require.Contains(t, text, want)
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	id := f.connect(`{"headers":{"X-One":"1"},"query":[["q","1"],["q","2"]],"subprotocols":["chat"],"user":"ann"}`)
	f.send(id, `{"action":"echo","text":"hi"}`)
	f.send(id, `{"action":"post","text":"posted"}`)
	require.Equal(t, anyMap{"status": 200.0}, ok[anyMap](t, f.bench, "POST", "connections/"+id+"/post", `{"text":"pushed"}`))
	ok[anyMap](t, f.bench, "POST", "connections/"+id+"/close", `{"by":"client","code":4000,"reason":"done"}`)
	f.settle()
	gone := ok[anyMap](t, f.bench, "POST", "connections/"+id+"/post", `{"text":"late"}`)
	require.EqualValues(t, 410, gone["status"])
	require.Contains(t, gone["error"], "gone")
	require.Equal(t, []string{
		"invoked #1 $connect",
		"connected #1 $connect 101",
		`received #1 echo {"action":"echo","text":"hi"} by api`,
		"invoked #1 echo",
		`sent #1 echo answer {"action":"echo","data":{"text":"hi"}}`,
		`received #1 post {"action":"post","text":"posted"} by api`,
		"called #1 POST posted 200",
		"invoked #1 post",
		"sent #1 post answer",
		"called #1 POST pushed 200 by api",
		"disconnected #1 done 4000 by api",
		"invoked #1 $disconnect",
		"called POST late 410 by api",
	}, story(entries(t, f.bench)))

	status, answer := call(t, f.bench, "POST", "connections", `{"query":{"user":"mallory"}}`)
	require.Equal(t, http.StatusForbidden, status)
	require.Regexp(t, `^\{"error":"The handshake was refused with the status 403\.","status":403,"connectionId":".+=","requestId":".+="\}$`, answer)
	list := ok[[]anyMap](t, f.bench, "GET", "connections", "")
	require.Len(t, list, 1, "without the one that was refused")
	require.Subset(t, list[0], anyMap{
		"connectionId": id, "connection": 1.0, "stage": "dev", "user": "ann", "byPage": true, "open": false,
		"counts": anyMap{"echo": 1.0, "post": 1.0}, "received": 2.0, "sent": 2.0, "posts": 2.0, "code": 4000.0, "reason": "done",
	})
	one := ok[anyMap](t, f.bench, "GET", "connections/"+id, "")
	require.Equal(t, []any{"1"}, one["headers"].(anyMap)["X-One"])
	require.Equal(t, anyMap{"q": []any{"1", "2"}}, one["query"])
	require.Equal(t, []any{"chat"}, one["subprotocols"])
	require.Equal(t, "ann", one["authorizer"].(anyMap)["principalId"])
}

// TestImpatientPage checks that a client stays open whose page did not wait for the handshake.
func TestImpatientPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := serve(f.bench, request(t, "POST", "/_gatesock/api/connections", `{}`).WithContext(ctx))
	require.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	require.Len(t, f.gw.Sessions(), 1)
}

// TestLimits checks that the gateway answers a message of the page as that of any client.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		code int // 0: the connection stays open
	}{
		"a frame of 32 KiB":       {`{"text":"` + strings.Repeat("x", 32<<10) + `"}`, 0},
		"a larger frame":          {`{"text":"` + strings.Repeat("x", 32<<10+1) + `"}`, 1009},
		"a fragmented message":    {`{"text":"` + strings.Repeat("x", 128<<10) + `","fragmented":true}`, 0},
		"a larger one":            {`{"text":"` + strings.Repeat("x", 128<<10+1) + `","fragmented":true}`, 1009},
		"not UTF-8":               {`{"base64":"` + base64.StdEncoding.EncodeToString([]byte{0xff}) + `"}`, 1007},
		"a binary message":        {`{"base64":"AAEC","binary":true}`, 1003},
		"an empty message":        {`{"text":""}`, 0},
		"a message without JSON":  {`{"text":"hello"}`, 0},
		"a character of an emoji": {`{"text":"\ud83d\ude00"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, workbench.Config{})
			id := f.connect(`{}`)
			status, answer := call(t, f.bench, "POST", "connections/"+id+"/messages", c.body)
			require.Equal(t, http.StatusAccepted, status, answer)
			f.settle()
			one := ok[anyMap](t, f.bench, "GET", "connections/"+id, "")
			require.Equal(t, c.code == 0, one["open"])
			if c.code != 0 {
				require.EqualValues(t, c.code, one["code"])
				status, answer = call(t, f.bench, "POST", "connections/"+id+"/messages", c.body)
				require.Equal(t, http.StatusConflict, status)
				require.Contains(t, answer, "has ended with "+strconv.Itoa(c.code))
			}
		})
	}
}

// TestOrder checks that messages are taken in the order of the requests, although these do not wait
// for the handler.
func TestOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	id := f.connect(`{}`)
	const n = 200
	for i := range n {
		ok[anyMap](t, f.bench, "POST", "connections/"+id+"/messages", `{"text":"`+strconv.Itoa(i)+`"}`)
	}
	f.settle()
	next := 0
	for _, e := range entries(t, f.bench) {
		if e.Kind == "received" {
			require.Equal(t, strconv.Itoa(next), e.Body)
			next++
		}
	}
	require.Equal(t, n, next)
}

func TestCloseByGatewayAndLoss(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	a, b, c := f.connect(`{}`), f.connect(`{}`), f.connect(`{}`)
	ok[anyMap](t, f.bench, "POST", "connections/"+a+"/close", `{"by":"gateway","code":1012,"reason":"maintenance"}`)
	ok[anyMap](t, f.bench, "POST", "connections/"+b+"/close", `{"by":"lost"}`)
	ok[anyMap](t, f.bench, "POST", "connections/"+c+"/close", `{}`)
	f.settle()
	var ends []string
	for _, e := range entries(t, f.bench) {
		if e.Kind == "disconnected" {
			ends = append(ends, story([]workbench.Entry{e})[0])
		}
	}
	require.Equal(t, []string{
		"disconnected #1 maintenance 1012 by api",
		"disconnected #2 Connection closed abnormally 1006 by api",
		"disconnected #3 Connection Closed Normally 1000 by api",
	}, ends)
}

// TestTwoStages checks that connections of the same number are told apart.
func TestTwoStages(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{Seed: 7})
	newStage(t, b, "chat/dev", emulator.Config{Stage: "dev"})
	newStage(t, b, "iot/dev", emulator.Config{Stage: "dev", APIID: "iot0000000"})
	status, answer := call(t, b, "POST", "connections", `{}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer, "want one of chat/dev, iot/dev")
	for _, stage := range []string{"chat/dev", "iot/dev"} {
		opened := ok[anyMap](t, b, "POST", "connections", `{"stage":"`+stage+`"}`)
		require.EqualValues(t, 1, opened["connection"])
	}
	status, answer = call(t, b, "GET", "connections/%231", "")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, answer, "chat/dev, iot/dev")
	one := ok[anyMap](t, b, "GET", "connections/%231?stage=iot/dev", "")
	require.Equal(t, "iot/dev", one["stage"])
	require.Len(t, ok[[]anyMap](t, b, "GET", "connections", ""), 2)

	status, answer = call(t, b, "POST", "faults", `{"fault":"gone","connections":["#1"]}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer, "stage: missing")
	ok[anyMap](t, b, "POST", "faults", `{"fault":"gone","stage":"iot/dev","connections":["#1"]}`)
	require.EqualValues(t, 410, ok[anyMap](t, b, "POST", "connections/%231/post?stage=iot/dev", `{"text":"x"}`)["status"])
	require.EqualValues(t, 200, ok[anyMap](t, b, "POST", "connections/%231/post?stage=chat/dev", `{"text":"x"}`)["status"])

	state := ok[struct {
		Stages []struct{ Name, API, Stage, URL, Seed string }
	}](t, b, "GET", "state", "")
	require.Len(t, state.Stages, 2)
	require.Equal(t, "ws://localhost:3001/dev", state.Stages[0].URL)
	require.Equal(t, "7", state.Stages[0].Seed)
	require.NotEqual(t, "7", state.Stages[1].Seed)

	b.Remove(t.Context(), "iot/dev")
	b.Remove(t.Context(), "nothing")
	require.Len(t, ok[[]anyMap](t, b, "GET", "connections", ""), 1)
}
