package cloud

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

func (w *world) put(entries ...types.PutEventsRequestEntry) *eventbridge.PutEventsOutput {
	w.t.Helper()
	api := eventbridge.New(eventbridge.Options{
		Region: region, Credentials: keys(), HTTPClient: w.http(), Retryer: aws.NopRetryer{},
	})
	out, err := api.PutEvents(w.t.Context(), &eventbridge.PutEventsInput{Entries: entries})
	require.NoError(w.t, err)
	return out
}

func entry(source, kind, detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: &source, DetailType: &kind, Detail: &detail}
}

func target(arn string) project.RuleTarget { return project.RuleTarget{ID: "t", ARN: arn, Retries: -1} }

func ruleOf(id, pattern string, targets ...project.RuleTarget) project.Rule {
	r := project.Rule{ID: id, Name: "app-" + id, ARN: arn("events", "rule/app-"+id), Bus: "default", Targets: targets}
	if strings.HasPrefix(pattern, "{") {
		r.Pattern = json.RawMessage(pattern)
	} else {
		r.Schedule = pattern
	}
	return r
}

func TestRules(t *testing.T) {
	t.Parallel()
	fifo := target(arn("sqs", "q.fifo"))
	fifo.GroupID = "g"
	shop := ruleOf("Shop", `{"detail":{"n":[{"numeric":[">",1]}]}}`, target(arn("sns", "news")), fifo)
	shop.Bus = arn("events", "event-bus/shop")
	off := ruleOf("Off", `{"source":["app"]}`, target(arn("sqs", "q")))
	off.Disabled = true
	p := &project.Project{
		Functions: []project.Function{function("F")}, Buses: []project.Bus{{ID: "B", Name: "shop", ARN: arn("events", "event-bus/shop")}},
		Queues: []project.Queue{queueOf("q", nil), queueOf("q.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})},
		Topics: []project.Topic{topicOf("news", toQueue("q"))},
		Rules:  []project.Rule{ruleOf("Fn", `{"source":["app"],"detail-type":[{"prefix":"order"}]}`, target(arn("lambda", "function:app-F"))), shop, off},
	}
	inWorld(t, p, func(w *world) {
		in := entry("app", "order.made", `{"n":1}`)
		in.Resources, in.Time = []string{"r"}, aws.Time(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
		other := entry("app", "other", `{"n":2}`)
		other.EventBusName = aws.String("shop")
		out := w.put(in, other, entry("none", "x", `{}`))
		require.Zero(w.t, out.FailedEntryCount)
		require.Len(w.t, out.Entries, 3)
		calls := w.after(0)
		require.Len(w.t, calls, 1)
		require.Equal(w.t, map[string]any{
			"version": "0", "id": *out.Entries[0].EventId, "detail-type": "order.made", "source": "app", "account": account,
			"time": "2030-01-02T03:04:05Z", "region": region, "resources": []any{"r"}, "detail": map[string]any{"n": 1.0},
		}, decode(w.t, calls[0].payload))
		require.Equal(w.t, "2", fmt.Sprint(decode(w.t, *w.receive("q.fifo")[0].Body)["detail"].(map[string]any)["n"]))
		message := decode(w.t, *w.receive("q")[0].Body)["Message"].(string)
		require.Equal(w.t, "other", decode(w.t, message)["detail-type"])
		require.Equal(w.t, []string{
			"Fn -> " + arn("lambda", "function:app-F") + " #1", "Shop -> " + arn("sns", "news") + " #1", "Shop -> " + arn("sqs", "q.fifo") + " #1",
			"default ->  #0",
		}, w.outcomes(KindRule))
		require.Equal(w.t, `no rule of the bus default takes the event none "x"`, w.texts(KindRule)[3])
	})
}

func TestEntriesThatAreRefused(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{}, func(w *world) {
		elsewhere := entry("a", "b", "{}")
		elsewhere.EventBusName = aws.String("none")
		out := w.put(entry("a", "b", "{}"), entry("a", "b", "[]"), entry("a", "", "{}"), elsewhere)
		require.EqualValues(w.t, 3, out.FailedEntryCount)
		var codes []string
		for _, e := range out.Entries {
			codes = append(codes, aws.ToString(e.ErrorCode))
		}
		require.Equal(w.t, []string{"", "MalformedDetail", "InvalidArgument", "ResourceNotFoundException"}, codes)
		status, answer := w.post("AWSEvents.PutEvents", `{"Entries":[]}`)
		require.Equal(w.t, 400, status)
		require.Equal(w.t, "ValidationException", decode(w.t, answer)["__type"])
		status, answer = w.post("AWSEvents.PutRule", `{}`)
		require.Equal(w.t, 400, status)
		require.Contains(w.t, answer, "does not serve PutRule of events")
	})
}

func TestRuleInputs(t *testing.T) {
	t.Parallel()
	event := asDecoded(map[string]any{
		"source": "app", "detail-type": "x", "detail": map[string]any{
			"name": `a "b"`, "n": 5, "list": []any{map[string]any{"k": "v"}}, "t": true,
		},
	})
	c := &Cloud{clock: systemClock{}}
	r := &rule{Rule: &project.Rule{Name: "r", ARN: "arn:r"}}
	paths := map[string]string{"name": "$.detail.name", "n": "$.detail.n", "o": "$.detail.list[0]", "none": "$.detail.none", "k": "$['detail']['list'][0].k"}
	for _, test := range []struct {
		target project.RuleTarget
		want   string
	}{
		{project.RuleTarget{Input: json.RawMessage(`{"own":1}`)}, `{"own":1}`},
		{project.RuleTarget{InputPath: "$.detail.list[0]"}, `{"k":"v"}`},
		{project.RuleTarget{InputPath: "$.detail.none"}, `null`},
		{project.RuleTarget{InputPath: "$"}, string(mustJSON(event))},
		{project.RuleTarget{}, string(mustJSON(event))},
		{project.RuleTarget{InputPaths: paths, Template: `{"name":<name>,"n":<n>,"o":<o>,"none":<none>,"k":<k>}`}, `{"name":"a \"b\"","n":5,"o":{"k":"v"},"none":"","k":"v"}`},
		{project.RuleTarget{InputPaths: paths, Template: `"<name> is <n> in <o>, not <unknown> \" <k>"`}, `"a \"b\" is 5 in {\"k\":\"v\"}, not <unknown> \" v"`},
		{project.RuleTarget{InputPaths: paths, Template: `{"rule":"<aws.events.rule-name>","arn":<aws.events.rule-arn>,"event":<aws.events.event>}`}, `{"rule":"r","arn":"arn:r","event":{"source":"app","detail-type":"x"}}`},
	} {
		got, err := c.input(r, test.target, event)
		require.NoError(t, err)
		require.JSONEq(t, test.want, string(got))
	}
	got, err := c.input(r, project.RuleTarget{InputPaths: paths, Template: "\"one <n>\"\n\"two\""}, event)
	require.NoError(t, err)
	require.Equal(t, "\"one 5\"\n\"two\"", string(got))
	for template, path := range map[string]string{`{"a":<n>`: "$.detail.n", `"<n>"`: "detail.n", `"<n> "`: "$.detail[0", `"<n>  "`: "$detail"} {
		_, err := c.input(r, project.RuleTarget{InputPaths: map[string]string{"n": path}, Template: template}, event)
		require.Error(t, err, template)
	}
}

// TestDeadLettersOfRules: what a target does not take goes to the dead-letter queue at once.
func TestDeadLettersOfRules(t *testing.T) {
	t.Parallel()
	gone, self := target(arn("states", "stateMachine:x")), target(arn("events", "event-bus/default"))
	gone.DeadLetter, self.DeadLetter = arn("sqs", "dead"), arn("sqs", "dead")
	p := &project.Project{
		Queues: []project.Queue{queueOf("dead", nil)},
		Rules:  []project.Rule{ruleOf("Gone", `{"source":["app"]}`, gone), ruleOf("Self", `{"source":["loop"]}`, self), ruleOf("Bad", `{"source":"app"}`)},
	}
	inWorld(t, p, func(w *world) {
		require.Equal(w.t, []string{
			"the rule Gone: gatesock dev delivers to queues, topics, functions and buses, not to " + arn("states", "stateMachine:x"),
			`the rule Bad does nothing: "source" must be an object or a list`,
		}, w.texts(KindNotice))
		w.put(entry("app", "x", `{"n":1}`))
		dead := w.receive("dead")
		require.Len(w.t, dead, 1)
		require.Equal(w.t, "x", decode(w.t, *dead[0].Body)["detail-type"])
		for name, want := range map[string]string{
			"RULE_ARN": arn("events", "rule/app-Gone"), "TARGET_ARN": arn("states", "stateMachine:x"), "ERROR_CODE": "NO_RESOURCE",
		} {
			require.Equal(w.t, want, *dead[0].MessageAttributes[name].StringValue)
		}
		w.put(entry("loop", "x", `{}`))
		require.Len(w.t, w.receive("dead"), 1)
		require.Contains(w.t, strings.Join(w.outcomes(KindRule), "\n"), "the event has gone from bus to bus 3 times")
	})
}

func TestOutcomesOnABus(t *testing.T) {
	t.Parallel()
	f := function("F")
	f.Async = project.Async{OnSuccess: arn("events", "event-bus/default"), OnFailure: arn("events", "event-bus/default")}
	p := &project.Project{
		Functions: []project.Function{f, function("G")}, Queues: []project.Queue{queueOf("q", nil)},
		Rules: []project.Rule{
			ruleOf("In", `{"source":["app"]}`, target(f.ARN)),
			ruleOf("Out", `{"source":["lambda"],"detail-type":[{"wildcard":"*- Success"}]}`, target(arn("sqs", "q"))),
		},
	}
	inWorld(t, p, func(w *world) {
		w.put(entry("app", "x", `{}`))
		w.after(time.Second)
		event := decode(w.t, *w.receive("q")[0].Body)
		require.Equal(w.t, "Lambda Function Invocation Result - Success", event["detail-type"])
		require.Equal(w.t, []any{arn("lambda", "function:app-F:$LATEST")}, event["resources"])
		require.Equal(w.t, "Success", event["detail"].(map[string]any)["requestContext"].(map[string]any)["condition"])
	})
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	once := ruleOf("Once", "at(2000-01-01T00:02:30)", target(arn("lambda", "function:app-F")))
	once.ARN = arn("scheduler", "schedule/default/once")
	off := ruleOf("Off", "rate(1 minute)", target(arn("lambda", "function:app-F")))
	off.Disabled = true
	own := target(arn("lambda", "function:app-F"))
	own.Input = json.RawMessage(`{"own":true}`)
	p := &project.Project{
		Functions: []project.Function{function("F")},
		Rules: []project.Rule{
			ruleOf("Rate", "rate(1 hour)", own), ruleOf("Cron", "cron(30 0 ? * SAT *)", target(arn("lambda", "function:app-F"))), once, off,
			ruleOf("Wrong", "rate(soon)"), ruleOf("Pattern", `{"source":["x"]}`),
		},
	}
	inWorld(t, p, func(w *world) {
		require.Equal(w.t, []string{`the rule Wrong does nothing: the schedule "rate(soon)": a rate is a number and a unit, such as rate(5 minutes)`}, w.texts(KindNotice))
		calls := w.after(2*time.Hour + time.Minute)
		require.Len(w.t, calls, 4)
		require.Equal(w.t, 2*time.Minute+30*time.Second, calls[0].at)
		event := decode(w.t, calls[0].payload)
		require.Equal(w.t, "aws.scheduler", event["source"])
		require.Equal(w.t, "{}", event["detail"])
		require.Equal(w.t, []any{once.ARN}, event["resources"])
		require.Equal(w.t, 30*time.Minute, calls[1].at)
		event = decode(w.t, calls[1].payload)
		delete(event, "id")
		require.Equal(w.t, map[string]any{
			"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "account": account, "region": region,
			"time": "2000-01-01T00:30:00Z", "resources": []any{arn("events", "rule/app-Cron")}, "detail": map[string]any{},
		}, event)
		require.Equal(w.t, []call{{time.Hour, "F", `{"own":true}`}, {2 * time.Hour, "F", `{"own":true}`}}, calls[2:])
		require.Len(w.t, w.outcomes(KindSchedule), 4)

		require.NoError(w.t, w.cloud.Fire(w.t.Context(), "Off"))
		require.NoError(w.t, w.cloud.Fire(w.t.Context(), "app-Rate"))
		require.Len(w.t, w.after(0), 6)
		require.EqualError(w.t, w.cloud.Fire(w.t.Context(), "Pattern"), `cloud: the project has no schedule "Pattern"`)
	})
}
