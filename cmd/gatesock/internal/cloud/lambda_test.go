package cloud

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

func (w *world) invokeInput(name, payload string, kind types.InvocationType) (*lambda.InvokeOutput, error) {
	return w.lambda().Invoke(w.t.Context(), &lambda.InvokeInput{
		FunctionName: &name, Payload: []byte(payload), InvocationType: kind,
	})
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{Functions: []project.Function{function("F")}}, func(w *world) {
		w.answers(func(_ int, _ string, payload []byte) ([]byte, error) {
			if bytes.Contains(payload, []byte("fail")) {
				return nil, failure{"TypeError", "no"}
			}
			return payload, nil
		})
		for _, name := range []string{"app-F", "app-F:live", arn("lambda", "function:app-F"), account + ":function:app-F"} {
			out, err := w.invokeInput(name, `{"a":1}`, "")
			require.NoError(w.t, err, name)
			require.Equal(w.t, `{"a":1}`, string(out.Payload))
			require.EqualValues(w.t, 200, out.StatusCode)
			require.Equal(w.t, "$LATEST", *out.ExecutedVersion)
			require.Nil(w.t, out.FunctionError)
		}
		out, err := w.invokeInput("app-F", `"fail"`, types.InvocationTypeRequestResponse)
		require.NoError(w.t, err)
		require.Equal(w.t, "Unhandled", *out.FunctionError)
		require.JSONEq(w.t, `{"errorType":"TypeError","errorMessage":"no"}`, string(out.Payload))
		out, err = w.invokeInput("app-F", "", types.InvocationTypeDryRun)
		require.NoError(w.t, err)
		require.EqualValues(w.t, 204, out.StatusCode)
		calls := w.after(0)
		require.Len(w.t, calls, 5)
		require.Equal(w.t, "lambda:Invoke -> F #1: no", w.outcomes(KindInvoke)[4])
		out, err = w.invokeInput("app-F", "", "")
		require.NoError(w.t, err)
		require.Equal(w.t, "{}", string(out.Payload), "an empty payload is an empty object")
	})
}

func TestInvokeRefuses(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{Functions: []project.Function{function("F")}}, func(w *world) {
		_, err := w.invokeInput("none", "{}", "")
		require.ErrorAs(w.t, err, new(*types.ResourceNotFoundException))
		require.ErrorContains(w.t, err, "Function not found: "+arn("lambda", "function:none"))
		_, err = w.invokeInput("app-F", "{", "")
		require.ErrorAs(w.t, err, new(*types.InvalidRequestContentException))
		_, err = w.invokeInput("app-F", `"`+strings.Repeat("x", maxAsyncPayload)+`"`, types.InvocationTypeEvent)
		require.ErrorAs(w.t, err, new(*types.RequestTooLargeException))
		_, err = w.lambda().GetFunction(w.t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("app-F")})
		require.ErrorContains(w.t, err, "UnknownOperationException: gatesock dev serves only Invoke of lambda, not GET /2015-03-31/functions/app-F")
		w.answers(func(int, string, []byte) ([]byte, error) { return nil, failure{"TooManyRequestsException", "busy"} })
		_, err = w.invokeInput("app-F", "{}", "")
		require.ErrorAs(w.t, err, new(*types.TooManyRequestsException))
	})
}

func TestInvokeAsync(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{Functions: []project.Function{function("F")}}, func(w *world) {
		r := httptest.NewRequestWithContext(w.t.Context(), "POST", "/2014-11-13/functions/app-F/invoke-async/", strings.NewReader(`{"old":1}`))
		r.Host = "lambda.eu-west-1.amazonaws.com"
		answer := httptest.NewRecorder()
		w.cloud.ServeHTTP(answer, r)
		require.Equal(w.t, 202, answer.Code)
		out, err := w.invokeInput("app-F", `{"new":1}`, types.InvocationTypeEvent)
		require.NoError(w.t, err)
		require.EqualValues(w.t, 202, out.StatusCode)
		require.Len(w.t, w.after(0), 2)
	})
}

// TestRetries: two retries, after a minute and two more, and then the dead-letter queue and the
// destination.
func TestRetries(t *testing.T) {
	t.Parallel()
	f := function("F")
	f.Async = project.Async{Retries: 2, DeadLetter: arn("sqs", "dead"), OnFailure: arn("sqs", "failed"), OnSuccess: arn("sqs", "done")}
	p := &project.Project{
		Functions: []project.Function{f},
		Queues:    []project.Queue{queueOf("dead", nil), queueOf("failed", nil), queueOf("done", nil)},
	}
	inWorld(t, p, func(w *world) {
		w.answers(func(n int, _ string, _ []byte) ([]byte, error) { return nil, failure{"E", fmt.Sprint("attempt ", n)} })
		_, err := w.invokeInput("app-F", `{"a":1}`, types.InvocationTypeEvent)
		require.NoError(w.t, err)
		calls := w.after(time.Hour)
		var times []time.Duration
		for _, c := range calls {
			times = append(times, c.at)
		}
		require.Equal(w.t, []time.Duration{0, time.Minute, 3 * time.Minute}, times)
		dead := w.receive("dead")
		require.Len(w.t, dead, 1)
		require.Equal(w.t, `{"a":1}`, *dead[0].Body)
		require.Equal(w.t, "200", *dead[0].MessageAttributes["ErrorCode"].StringValue)
		require.Equal(w.t, "attempt 3", *dead[0].MessageAttributes["ErrorMessage"].StringValue)
		failed := w.receive("failed")
		require.Len(w.t, failed, 1)
		document := decode(w.t, *failed[0].Body)
		id := *dead[0].MessageAttributes["RequestID"].StringValue
		require.Equal(w.t, map[string]any{
			"version": "1.0", "timestamp": "2000-01-01T00:03:00.000Z",
			"requestContext": map[string]any{
				"requestId": id, "functionArn": arn("lambda", "function:app-F:$LATEST"),
				"condition": "RetriesExhausted", "approximateInvokeCount": 3.0,
			},
			"requestPayload":  map[string]any{"a": 1.0},
			"responseContext": map[string]any{"statusCode": 200.0, "executedVersion": "$LATEST", "functionError": "Unhandled"},
			"responsePayload": map[string]any{"errorType": "E", "errorMessage": "attempt 3"},
		}, document)
		require.Equal(w.t, []string{
			"lambda:Invoke -> F #1: attempt 1", "lambda:Invoke -> F #2: attempt 2", "lambda:Invoke -> F #3: attempt 3",
		}, w.outcomes(KindAsync))
		require.Empty(w.t, w.receive("done"))

		w.answers(func(int, string, []byte) ([]byte, error) { return []byte(`"fine"`), nil })
		_, err = w.invokeInput("app-F", `{"a":2}`, types.InvocationTypeEvent)
		require.NoError(w.t, err)
		w.after(0)
		document = decode(w.t, *w.receive("done")[0].Body)
		require.Equal(w.t, "Success", document["requestContext"].(map[string]any)["condition"])
		require.Equal(w.t, "fine", document["responsePayload"])
		require.NotContains(w.t, document["responseContext"], "functionError")
	})
}

func TestAsyncLimits(t *testing.T) {
	t.Parallel()
	once, old := function("Once"), function("Old")
	once.Async = project.Async{OnFailure: arn("sqs", "failed")}
	old.Async = project.Async{Retries: 2, MaxAge: 90 * time.Second, OnFailure: arn("sqs", "failed")}
	p := &project.Project{
		Functions: []project.Function{once, old, function("Default")}, Queues: []project.Queue{queueOf("failed", nil)},
	}
	inWorld(t, p, func(w *world) {
		w.answers(func(int, string, []byte) ([]byte, error) { return nil, failure{"E", "no"} })
		for name, want := range map[string]string{"Once": "RetriesExhausted 1", "Old": "EventAgeExceeded 2"} {
			_, err := w.invokeInput("app-"+name, `{}`, types.InvocationTypeEvent)
			require.NoError(w.t, err)
			w.after(time.Hour)
			got := decode(w.t, *w.receive("failed")[0].Body)["requestContext"].(map[string]any)
			require.Equal(w.t, want, fmt.Sprint(got["condition"], " ", got["approximateInvokeCount"]))
			url := w.cloud.queues.URL("failed")
			require.NoError(w.t, w.cloud.queues.Purge(url))
		}
		before := len(w.after(0))
		_, err := w.invokeInput("app-Default", `{}`, types.InvocationTypeEvent)
		require.NoError(w.t, err)
		require.Len(w.t, w.after(time.Hour), before+3)
	})
}

// TestThrottledEventsWait: a throttle does not count as an attempt, and the event is tried for as
// long as it may be.
func TestThrottledEventsWait(t *testing.T) {
	t.Parallel()
	f := function("F")
	f.Async = project.Async{OnFailure: arn("sqs", "failed")}
	inWorld(t, &project.Project{
		Functions: []project.Function{f}, Queues: []project.Queue{queueOf("failed", nil)},
	}, func(w *world) {
		w.answers(func(n int, _ string, _ []byte) ([]byte, error) {
			if n < 6 {
				return nil, failure{"TooManyRequestsException", "busy"}
			}
			return nil, nil
		})
		_, err := w.invokeInput("app-F", `{}`, types.InvocationTypeEvent)
		require.NoError(w.t, err)
		require.Len(w.t, w.after(time.Hour), 6)
		require.Empty(w.t, w.receive("failed"))
		require.Equal(w.t, "lambda:Invoke -> F #1", w.outcomes(KindAsync)[5])
	})
}

func TestCloseCutsOff(t *testing.T) {
	t.Parallel()
	inWorld(t, &project.Project{Functions: []project.Function{function("F")}}, func(w *world) {
		w.answers(func(int, string, []byte) ([]byte, error) { return nil, failure{"E", "no"} })
		_, err := w.invokeInput("app-F", `{}`, types.InvocationTypeEvent)
		require.NoError(w.t, err)
		w.after(0)
		require.NoError(w.t, w.cloud.Close(w.t.Context()))
		require.Len(w.t, w.after(time.Hour), 1)
		_, err = w.invokeInput("app-F", `{}`, types.InvocationTypeEvent)
		require.NoError(w.t, err, "nothing happens any more")
		require.Len(w.t, w.after(time.Hour), 1)
	})
}

func TestDestinationThatDoesNotExistIsTold(t *testing.T) {
	t.Parallel()
	f := function("F")
	f.Async = project.Async{OnSuccess: arn("sqs", "none")}
	inWorld(t, &project.Project{Functions: []project.Function{f}}, func(w *world) {
		_, err := w.invokeInput("app-F", `{}`, types.InvocationTypeEvent)
		require.NoError(w.t, err)
		w.after(0)
		require.Equal(w.t, []string{
			"F -> " + arn("sqs", "none") + " #1: the target does not exist here: the queue " + arn("sqs", "none"),
		}, w.outcomes(KindOutcome))
	})
}
