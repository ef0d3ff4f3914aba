package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const (
	region  = "eu-west-1"
	account = "123456789012"
)

func arn(service, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
}

func function(id string) project.Function {
	return project.Function{ID: id, Name: "app-" + id, ARN: arn("lambda", "function:app-"+id)}
}

func queueOf(name string, attributes map[string]string) project.Queue {
	return project.Queue{ID: name, Name: name, ARN: arn("sqs", name), Attributes: attributes}
}

// failure is the error of a function, as the Runtime API reports it.
type failure struct{ kind, message string }

func (f failure) Error() string { return f.message }

func (f failure) Payload() []byte {
	return mustJSON(map[string]string{"errorType": f.kind, "errorMessage": f.message})
}

// call is an invocation that a function has got.
type call struct {
	at       time.Duration // since the start of the world
	function string
	payload  string
}

// world is a cloud with functions of the test, in a bubble.
type world struct {
	t     *testing.T
	cloud *Cloud
	begin time.Time

	mu     sync.Mutex
	calls  []call
	events []Event
	answer func(n int, function string, payload []byte) ([]byte, error)
}

// inWorld runs a test in a bubble, with a cloud for a project. The functions of the project return
// null until the test sets w.answer, whose n counts the calls from 1.
func inWorld(t *testing.T, p *project.Project, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, p, nil)
		defer func() { require.NoError(t, w.cloud.Close(context.Background())) }()
		f(w)
	})
}

func newWorld(t *testing.T, p *project.Project, change func(*Config)) *world {
	t.Helper()
	p.Region, p.AccountID = region, account
	w := &world{t: t, begin: time.Now()}
	cfg := Config{Project: p, Invoke: w.invoke, Log: w.log}
	if change != nil {
		change(&cfg)
	}
	c, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	w.cloud = c
	return w
}

func (w *world) invoke(ctx context.Context, id string, payload []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.mu.Lock()
	w.calls = append(w.calls, call{time.Since(w.begin), id, string(payload)})
	n, answer := len(w.calls), w.answer
	w.mu.Unlock()
	if answer == nil {
		return nil, nil
	}
	return answer(n, id, payload)
}

func (w *world) log(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// answers sets what functions do.
func (w *world) answers(f func(n int, function string, payload []byte) ([]byte, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// after lets time pass, and returns the invocations so far when nothing is left to do at that time.
func (w *world) after(d time.Duration) []call {
	w.t.Helper()
	<-time.After(d)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// texts returns the notices or refusals so far.
func (w *world) texts(kind string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.events {
		if e.Kind == kind {
			all = append(all, e.Text)
		}
	}
	return all
}

// outcomes returns the events of a kind so far as texts.
func (w *world) outcomes(kind string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.events {
		if e.Kind == kind {
			text := fmt.Sprintf("%s -> %s #%d", e.Source, e.Target, e.Attempts)
			if e.Err != nil {
				text += ": " + e.Err.Error()
			}
			all = append(all, text)
		}
	}
	return all
}

// direct calls a handler without a network, so that it works in a bubble.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil { // a server always has one
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func (w *world) http() *http.Client { return &http.Client{Transport: direct{w.cloud}} }

func keys() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("any", "thing", "")
}

func (w *world) sqs() *sqs.Client {
	return sqs.New(sqs.Options{Region: region, Credentials: keys(), HTTPClient: w.http(), Retryer: aws.NopRetryer{}})
}

func (w *world) lambda() *lambda.Client {
	return lambda.New(lambda.Options{Region: region, Credentials: keys(), HTTPClient: w.http(), Retryer: aws.NopRetryer{}})
}

func (w *world) send(name, body string) {
	w.t.Helper()
	url := w.cloud.queues.URL(name)
	_, err := w.sqs().SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	require.NoError(w.t, err)
}

// receive returns the messages of a queue, which it does not delete.
func (w *world) receive(name string) []sqstypes.Message {
	w.t.Helper()
	url := w.cloud.queues.URL(name)
	out, err := w.sqs().ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"},
	})
	require.NoError(w.t, err)
	return out.Messages
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

func code(t *testing.T, err error) string {
	t.Helper()
	var refusal smithy.APIError
	require.True(t, errors.As(err, &refusal), "%v", err)
	return refusal.ErrorCode()
}
