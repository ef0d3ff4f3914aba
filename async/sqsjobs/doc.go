// Package sqsjobs keeps the jobs of package async in an Amazon SQS queue. One invocation sends a
// job, and another one does it and posts the result.
//
//	queue, err := sqsjobs.New(sqs.NewFromConfig(cfg), os.Getenv("JOBS_QUEUE"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	jobs := async.New(queue, client, db.Outcomes())
//	async.HandleReply(router, jobs, "report", makeReport)
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.SQS("jobs", sqsjobs.Handler(jobs)),
//	))
//
// # The queue and the function
//
// gatesock template writes all of this for a program that declares [Need]. As an AWS SAM template:
//
//	Function:
//	  Type: AWS::Serverless::Function
//	  Properties:
//	    Timeout: 60
//	    RecursiveLoop: Allow
//	    Environment:
//	      Variables:
//	        JOBS_QUEUE: !Ref Queue
//	    Policies:
//	      - Statement:
//	          - Effect: Allow
//	            Action: [sqs:SendMessage, sqs:ChangeMessageVisibility]
//	            Resource: !GetAtt Queue.Arn
//	    Events:
//	      Jobs:
//	        Type: SQS
//	        Properties:
//	          Queue: !GetAtt Queue.Arn
//	          BatchSize: 1
//	          FunctionResponseTypes: [ReportBatchItemFailures]
//	Queue:
//	  Type: AWS::SQS::Queue
//	  Properties:
//	    QueueName: jobs
//	    VisibilityTimeout: 360
//	    RedrivePolicy:
//	      deadLetterTargetArn: !GetAtt DeadLetters.Arn
//	      maxReceiveCount: 5
//	DeadLetters:
//	  Type: AWS::SQS::Queue
//	  Properties:
//	    MessageRetentionPeriod: 1209600
//
// Their purpose:
//
//   - maxReceiveCount: at least [async.Jobs.Attempts] + 1, which is 5 unless [async.WithAttempts]
//     is given; see [WithMaxReceiveCount]. The receive after the last attempt is for the error to
//     the client, if all attempts ended without one: the process crashed, or its time was over.
//     With a lower number such a client gets nothing.
//   - Timeout: the time for one job, since the batch size is 1. Lambda allows 15 minutes (AWS
//     Lambda Developer Guide, "Configure Lambda function timeout"). The handler's context ends a
//     little earlier, see [async.WithDeadlineMargin].
//   - VisibilityTimeout: at least six times the Timeout of the function (AWS Lambda Developer
//     Guide, "Creating and configuring an Amazon SQS event source mapping"). A claim on a job
//     lasts until 2 seconds after the deadline of its invocation, which must be over when the
//     message is received again: otherwise that receive is in vain, and counts. A job whose
//     process crashed is tried again when the visibility timeout has passed. After an attempt that
//     ended with an error it is tried sooner, see [Handler].
//   - ReportBatchItemFailures: Lambda keeps the messages in the queue that the response of
//     [Handler] names as failed. Without this setting it ignores the response, and deletes failed
//     jobs too (AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda").
//   - BatchSize 1: the jobs of a batch run one after another, and share the time of one
//     invocation. Those for which no time is left return to the queue. They have been received in
//     vain.
//   - The dead-letter queue gets the jobs that have failed for good. Their clients have got an
//     error, so a job that is moved back to the queue from there is not done again as long as the
//     store has its outcome, which is a day or longer. docs/operations.md has what to do instead.
//   - The queue is a standard queue. [New] refuses a FIFO queue: that needs message groups, and
//     keeps an order that jobs do not have.
//   - RecursiveLoop: a function that sends to a queue that it reads is a loop to Lambda, which
//     stops a chain after about 16 invocations (AWS Lambda Developer Guide, "Use Lambda recursive
//     loop detection to prevent infinite loops"). Jobs that send no jobs make no such chain. Allow
//     it for handlers that do.
//   - IAM: sqs:ChangeMessageVisibility is for the time until the next attempt. SAM adds what the
//     event source needs. A queue that is encrypted with a key of your own also needs
//     kms:GenerateDataKey and kms:Decrypt.
//
// # Guarantees
//
// SQS may deliver a message more than once, and a client of SQS that repeats a request may send it
// twice. The job is done once all the same, as package async describes.
package sqsjobs
