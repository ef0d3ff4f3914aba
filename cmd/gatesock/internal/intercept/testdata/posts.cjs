// Posts to connections with the AWS SDK for JavaScript, versions 2 and 3, and with what else opens
// sockets in Node.js. It reads cases from standard input and prints a result for each; see
// matrix_test.go.
'use strict'
const http = require('http')
const https = require('https')
const http2 = require('http2')
const tls = require('tls')
const { Worker } = require('worker_threads')
const V2 = require('aws-sdk/clients/apigatewaymanagementapi')
const V3 = require('@aws-sdk/client-apigatewaymanagementapi')
const DynamoDB = require('@aws-sdk/client-dynamodb')
const Lambda = require('@aws-sdk/client-lambda')
const SNS = require('@aws-sdk/client-sns')
const SQS = require('@aws-sdk/client-sqs')

const headers = { 'content-type': 'application/octet-stream' }

const ways = {
  v2: (endpoint, id, text) =>
    new V2({ apiVersion: '2018-11-29', endpoint }).postToConnection({ ConnectionId: id, Data: text }).promise(),
  v3: (endpoint, id, text) =>
    new V3.ApiGatewayManagementApiClient(endpoint ? { endpoint } : {})
      .send(new V3.PostToConnectionCommand({ ConnectionId: id, Data: Buffer.from(text) })),
  // An agent of the application's own, with the authorities of its own.
  'https with an agent': (endpoint, id, text) =>
    request(endpoint, id, text, { agent: new https.Agent({ ca: tls.rootCertificates[0] }) }),
  'https without an agent': (endpoint, id, text) => request(endpoint, id, text, { agent: false }),
  fetch: async (endpoint, id, text) => {
    const response = await fetch(address(endpoint, id), { method: 'POST', body: text, headers })
    check(response.status, await response.text())
  },
  http2: (endpoint, id, text) => new Promise((resolve, reject) => {
    const url = new URL(address(endpoint, id))
    const session = http2.connect(url.origin)
    session.on('error', reject)
    const stream = session.request({ ':method': 'POST', ':path': url.pathname })
    stream.on('response', answer => {
      session.close()
      resolve(check(answer[':status'], ''))
    })
    stream.on('error', reject)
    stream.end(text)
  }),
  'an imported tls.connect': async (endpoint, id, text) => {
    const url = new URL(address(endpoint, id))
    const { connect } = await import('node:tls')
    return new Promise((resolve, reject) => {
      const socket = connect({ host: url.hostname, port: 443 }, () => {
        socket.end(`POST ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n` +
          `Connection: close\r\n\r\n${text}`)
      })
      let answer = ''
      socket.on('data', data => { answer += data }).on('error', reject)
      socket.on('end', () => resolve(check(Number(answer.split(' ')[1]), answer)))
    })
  },
  'a worker': (endpoint, id, text) => new Promise((resolve, reject) => {
    const worker = new Worker(`
      const { parentPort, workerData } = require('worker_threads')
      fetch(workerData.address, { method: 'POST', body: workerData.text }).then(
        response => parentPort.postMessage(response.status), error => parentPort.postMessage(String(error.cause)))
    `, { eval: true, workerData: { address: address(endpoint, id), text } })
    worker.on('message', status => resolve(status)).on('error', reject)
  }).then(status => check(status, '')),
  'a lookup of its own': (endpoint, id, text) => request(endpoint, id, text, {
    headers: { host: 'localhost' },
    lookup: (host, options, found) => options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)
  }, http),
  // Another service.
  service: name => ({
    dynamodb: () => new DynamoDB.DynamoDBClient({}).send(new DynamoDB.ListTablesCommand({})),
    lambda: () => new Lambda.LambdaClient({}).send(new Lambda.InvokeCommand({ FunctionName: 'other' })),
    sns: () => new SNS.SNSClient({}).send(new SNS.ListTopicsCommand({})),
    sqs: () => new SQS.SQSClient({}).send(new SQS.ListQueuesCommand({}))
  })[name](),
  // A server that claims to be example.com.
  handshake: address => new Promise((resolve, reject) => {
    const [host, port] = address.split(':')
    tls.connect({ host, port, servername: 'example.com' }).on('error', reject).on('secureConnect', () => resolve())
  }),
  'a port that is not of the web': endpoint => new Promise((resolve, reject) => {
    require('net').connect(5432, new URL(endpoint).hostname).on('error', reject).on('connect', () => resolve())
  })
}

function address (endpoint, id) {
  return endpoint + '/@connections/' + encodeURIComponent(id)
}

function check (status, body) {
  if (status !== 200) throw new Error(`${status} ${body}`)
}

function request (endpoint, id, text, options, from = https) {
  return new Promise((resolve, reject) => {
    const post = from.request(address(endpoint, id), { method: 'POST', headers, ...options }, response => {
      let body = ''
      response.on('data', data => { body += data })
      response.on('end', () => resolve(body)).on('error', reject)
      check(response.statusCode, body)
    })
    post.on('error', reject)
    post.end(text)
  })
}

async function main () {
  let input = ''
  for await (const data of process.stdin) input += data
  const { connection, cases } = JSON.parse(input)
  for (const { name, way, endpoint } of cases) {
    let error = ''
    try {
      await ways[way](endpoint, connection, name)
    } catch (failed) {
      error = `${failed.name}: ${failed.message} ${failed.cause || ''}`
    }
    process.stdout.write(JSON.stringify({ name, error }) + '\n')
  }
}

main().then(() => process.exit(0))
