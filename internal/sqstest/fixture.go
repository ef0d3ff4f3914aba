package sqstest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// fixture is what the tests of a binary share.
type fixture struct {
	transport http.Transport

	mu     sync.Mutex
	asked  bool
	server *server
	api    *sqs.Client
	err    error
}

// client starts the server at the first call. The server outlives the test that asked for it, so it
// has a context of its own.
func (f *fixture) client() (*sqs.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.asked {
		f.asked = true
		if f.server, f.err = start(context.Background()); f.err == nil {
			f.api = newClient(f.server.endpoint, &f.transport)
		} else {
			f.err = fmt.Errorf("sqstest: the SQS server: %w", f.err)
		}
	}
	return f.api, f.err
}

// close ends the server and closes the connections.
func (f *fixture) close() error {
	f.transport.CloseIdleConnections()
	if f.server == nil {
		return nil
	}
	if err := f.server.stop(); err != nil {
		return fmt.Errorf("sqstest: end the SQS server: %w", err)
	}
	return nil
}

// newClient returns a client with made-up credentials; the server accepts any.
func newClient(endpoint string, transport *http.Transport) *sqs.Client {
	transport.MaxIdleConnsPerHost, transport.IdleConnTimeout = 64, time.Minute
	return sqs.New(sqs.Options{
		BaseEndpoint: &endpoint,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("gatesock", "gatesock", ""),
		HTTPClient:   &http.Client{Transport: transport},
	})
}

// createQueue makes a queue with a unique name and returns its URL.
func createQueue(ctx context.Context, client *sqs.Client, attributes map[string]string) (string, error) {
	name := "gatesock-" + rand.Text()
	out, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		return "", fmt.Errorf("sqstest: create a queue: %w", err)
	}
	return *out.QueueUrl, nil
}

// redrivePolicy returns the value of the attribute RedrivePolicy.
func redrivePolicy(ctx context.Context, client *sqs.Client, deadLetters string, maxReceives int) (string, error) {
	const arn = types.QueueAttributeNameQueueArn
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &deadLetters, AttributeNames: []types.QueueAttributeName{arn},
	})
	if err != nil {
		return "", fmt.Errorf("sqstest: name of the dead-letter queue: %w", err)
	}
	policy, err := json.Marshal(map[string]string{
		"deadLetterTargetArn": out.Attributes[string(arn)], "maxReceiveCount": strconv.Itoa(maxReceives),
	})
	return string(policy), err
}
