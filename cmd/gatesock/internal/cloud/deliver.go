package cloud

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
)

// errNoTarget is the error of a delivery to a resource that the project does not have, or that is
// of a service that takes nothing here. Trying again does not help.
var errNoTarget = errors.New("the target does not exist here")

// parcel is what a resource gets.
type parcel struct {
	// body is JSON, or text for a queue and a topic.
	body       []byte
	attributes map[string]queue.Attribute
	// group and dedupe are for FIFO queues and topics.
	group, dedupe string
	subject       string
	// detailType, source and resources are for a bus, whose event has the body as its detail.
	detailType, source string
	resources          []string
}

// deliver brings a parcel to a queue, a topic, a function or a bus. A function gets it
// asynchronously. An error means that the resource has not taken it.
func (c *Cloud) deliver(ctx context.Context, arn string, p parcel) error {
	switch service, _ := splitARN(arn); service {
	case "sqs":
		if !c.queues.Exists(arn) {
			return fmt.Errorf("%w: the queue %s", errNoTarget, arn)
		}
		_, err := c.queues.Send(arn, queue.Send{
			Body: string(p.body), Attributes: p.attributes, GroupID: p.group, DedupeID: p.dedupe,
		})
		return err
	case "lambda":
		f := c.cfg.Project.Function(arn)
		if f == nil {
			return fmt.Errorf("%w: the function %s", errNoTarget, arn)
		}
		c.enqueue(f, p.body, p.source)
		return nil
	case "sns":
		return c.publishParcel(ctx, arn, p)
	case "events":
		return c.putParcel(ctx, arn, p)
	default:
		return fmt.Errorf("%w: gatesock dev delivers to queues, topics, functions and buses, not to %s", errNoTarget, arn)
	}
}

// splitARN returns the service and the resource of an ARN; empty if it is not one.
func splitARN(arn string) (service, resource string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return "", ""
	}
	return parts[2], parts[5]
}

// deliverAndLog delivers and logs how it went. It is for what is tried once: outcomes and dead
// letters.
func (c *Cloud) deliverAndLog(ctx context.Context, kind, source, arn string, p parcel) {
	begin := c.clock.Now()
	err := c.deliver(ctx, arn, p)
	c.log(Event{
		Time: begin, Kind: kind, Source: source, Target: arn, Duration: c.clock.Now().Sub(begin), Err: err, Attempts: 1,
	})
}
