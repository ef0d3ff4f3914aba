package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queue is what SQS says about a queue.
type queue struct {
	state      state
	url        string
	attributes map[string]string
	dead       map[string]string // attributes of the dead-letter queue; nil if they were not read
	consumers  []*function       // that get its messages
}

// name returns the last part of a queue's URL or ARN.
func queueName(url string) string { return url[strings.LastIndexAny(url, "/:")+1:] }

func (q *queue) arn() string { return q.attributes[string(types.QueueAttributeNameQueueArn)] }

// deadLetters returns the ARN of the dead-letter queue, "" if there is none.
func (q *queue) deadLetters() string {
	var redrive struct {
		Target string `json:"deadLetterTargetArn"`
	}
	if json.Unmarshal([]byte(q.attributes[string(types.QueueAttributeNameRedrivePolicy)]), &redrive) != nil {
		return ""
	}
	return redrive.Target
}

// readQueue reads a queue and its dead-letter queue.
func (x *examination) readQueue(ctx context.Context, url string) error {
	if x.queues[url] != nil {
		return nil
	}
	q := &queue{url: url}
	x.queues[url] = q
	x.report.Queues = append(x.report.Queues, url)
	var err error
	if q.attributes, q.state, err = x.queueAttributes(ctx, url); err != nil || q.state != present {
		return err
	}
	dead := q.deadLetters()
	if dead == "" {
		return nil
	}
	parts := strings.Split(dead, ":")
	if len(parts) != 6 {
		return nil
	}
	on := question{PartQueues, "sqs:GetQueueUrl", "the dead-letter queue " + parts[5]}
	out, s, err := ask(ctx, x.report, on, x.clients.Queues.GetQueueUrl, &sqs.GetQueueUrlInput{
		QueueName: &parts[5], QueueOwnerAWSAccountId: &parts[4],
	})
	if err != nil || s != present {
		return err
	}
	q.dead, _, err = x.queueAttributes(ctx, aws.ToString(out.QueueUrl))
	return err
}

func (x *examination) queueAttributes(ctx context.Context, url string) (map[string]string, state, error) {
	on := question{PartQueues, "sqs:GetQueueAttributes", "the queue " + queueName(url)}
	out, s, err := ask(ctx, x.report, on, x.clients.Queues.GetQueueAttributes, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil || s != present {
		return nil, s, err
	}
	return out.Attributes, s, nil
}

// queueFinding adds a finding about a queue.
func (x *examination) queueFinding(q *queue, level Level, check, problem, effect, fix string) {
	x.report.add(Finding{
		Level: level, Part: PartQueues, Check: check, Subjects: []string{queueName(q.url)},
		Problem: problem, Effect: effect, Fix: fix,
	})
}

// isConsumed reports whether the application itself gets the messages of a queue.
func (x *examination) isConsumed(q *queue) bool {
	for _, n := range x.app.Needs {
		if n.Source != "" && slices.Contains(x.values(n, x.target.Queues), q.url) {
			return true
		}
	}
	return false
}

// checkQueue checks a queue.
func (x *examination) checkQueue(q *queue) {
	if q.state != present {
		return
	}
	if q.attributes[string(types.QueueAttributeNameFifoQueue)] == "true" || strings.HasSuffix(q.url, ".fifo") {
		x.queueFinding(q, Error, "queue-fifo", "the queue is a FIFO queue", "Messages without a group are refused.",
			"Use a standard queue.")
	}
	if !x.isConsumed(q) {
		return
	}
	x.checkVisibility(q)
	x.checkDeadLetters(q)
}

// visibilityFactor is how many timeouts of the function a message should stay invisible (AWS Lambda
// Developer Guide, "Creating and configuring an Amazon SQS event source mapping").
const visibilityFactor = 6

func (x *examination) checkVisibility(q *queue) {
	visible, err := strconv.Atoi(q.attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	if err != nil {
		return
	}
	for _, f := range q.consumers {
		if f.config == nil {
			continue
		}
		timeout := int(aws.ToInt32(f.config.Timeout))
		if visible >= visibilityFactor*timeout {
			continue
		}
		level := Warning
		if visible < timeout {
			level = Error
		}
		x.queueFinding(q, level, "visibility", fmt.Sprintf(
			"the visibility timeout is %d seconds, and the function %s has %d", visible, f, timeout,
		),
			"A second invocation may get a job that still runs, or that Lambda retries.",
			fmt.Sprintf("Set VisibilityTimeout to %d or more, which is six times the function's.", visibilityFactor*timeout))
	}
}

func (x *examination) checkDeadLetters(q *queue) {
	if q.deadLetters() == "" {
		x.queueFinding(q, Warning, "redrive", "the queue has no dead-letter queue",
			"A job that cannot run returns until the retention period ends, and is lost then.",
			"Set RedrivePolicy: {deadLetterTargetArn: …, maxReceiveCount: 5}.")
		return
	}
	if n := q.dead[string(types.QueueAttributeNameApproximateNumberOfMessages)]; n != "" && n != "0" {
		x.queueFinding(q, Warning, "dead-letters", fmt.Sprintf(
			"the dead-letter queue %s has %s messages", queueName(q.deadLetters()), oneLine(n),
		),
			"As many jobs failed: some members of a group did not get a message.",
			"Read the errors in the function's log, correct the cause, and redrive (aws sqs start-message-move-task) or purge them.")
	}
}
