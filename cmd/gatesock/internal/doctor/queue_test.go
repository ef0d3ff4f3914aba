package doctor_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
	"github.com/gatesock/gatesock/internal/sqstest"
)

func TestMain(m *testing.M) { sqstest.Main(m) }

// TestQueueServer examines queues of an SQS server.
func TestQueueServer(t *testing.T) {
	t.Parallel()
	client := sqstest.Client(t)
	good, dead := sqstest.QueueWithDeadLetters(t, 5)
	_, err := client.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: &good, Attributes: map[string]string{"VisibilityTimeout": "174"},
	})
	require.NoError(t, err)
	examine := func(url string) []string {
		c := newCloud(t)
		env(c, "FANOUT_QUEUE", url)
		out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl:       &url,
			AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
		})
		if err == nil {
			c.sources[0].EventSourceArn = aws.String(out.Attributes["QueueArn"])
		}
		clients := c.clients()
		clients.Queues = client
		report, err := doctor.Examine(t.Context(), clients, exact(), c.target, c.app)
		require.NoError(t, err)
		checks := map[string]bool{}
		for _, f := range report.Findings {
			checks[string(f.Level)+" "+f.Check] = true
		}
		return sortedNames(checks)
	}
	require.Empty(t, examine(good))
	_, err = client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &dead, MessageBody: aws.String("a job")})
	require.NoError(t, err)
	require.Equal(t, []string{"warning dead-letters"}, examine(good))
	require.Equal(t, []string{"warning redrive", "warning visibility"}, examine(sqstest.Queue(t, nil)))
	require.Equal(t, []string{"error variable-queue"}, examine(good+"-gone"))
}

func sortedNames(m map[string]bool) []string {
	return slices.Sorted(maps.Keys(m))
}
