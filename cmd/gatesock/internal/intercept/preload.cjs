'use strict'
// gatesock dev loads this file into Node.js, by NODE_OPTIONS. Sockets for hosts of AWS are connected to
// gatesock dev instead, whatever opens them: https, http2, fetch, or an SDK with an agent of its own.
// Requests stay as they are: the host, the name in the TLS handshake, the signature. All other sockets
// are left alone.
const net = require('net')
const tls = require('tls')

const settings = JSON.parse(process.env.GATESOCK_INTERCEPT || 'null')
if (settings) intercept(settings)

function intercept ({ to, names, suffixes, real, ca }) {
  const within = (name, domain) => name === domain || name.endsWith('.' + domain)
  const isReal = name => (real || []).some(entry =>
    entry.startsWith('.') ? within(name, entry.slice(1).toLowerCase()) : name === entry.toLowerCase())

  // redirect returns the options for a connection to gatesock dev, or undefined for other hosts.
  function redirect (options) {
    if (!options || typeof options.host !== 'string' || options.path || options.socket) return
    const name = options.host.toLowerCase().replace(/\.$/, '')
    if (names.includes(name)) return { ...options, ...to }
    if (suffixes.some(suffix => within(name, suffix)) && !isReal(name)) return { ...options, ...to }
  }

  const isServed = port => [80, 443, 8443].includes(Number(port))

  // The options of connect: an object, or a port, perhaps a host, and an object.
  function optionsOf (args) {
    if (args[0] !== null && typeof args[0] === 'object') return args[0]
    const more = args.find(arg => arg !== null && typeof arg === 'object')
    return { ...more, port: args[0], host: typeof args[1] === 'string' ? args[1] : more?.host }
  }

  // tls.connect decides whether its socket is for a port or for a path, so it has to know before.
  const connectTLS = tls.connect
  tls.connect = function connect (...args) {
    const options = optionsOf(args)
    const redirected = isServed(options.port) && redirect(options)
    if (!redirected) return connectTLS.apply(this, args)
    if (!redirected.servername && !net.isIP(options.host)) redirected.servername = options.host
    if (redirected.ca) redirected.ca = [].concat(redirected.ca, require('fs').readFileSync(ca))
    return connectTLS.call(this, redirected, args.find(arg => typeof arg === 'function'))
  }

  const connect = net.Socket.prototype.connect
  net.Socket.prototype.connect = function (...args) {
    const normalized = Array.isArray(args[0]) // as net.connect calls it: options and callback
    const options = normalized ? args[0][0] : optionsOf(args)
    const redirected = redirect(options)
    if (!redirected) return connect.apply(this, args)
    if (!isServed(options.port)) {
      const text = `gatesock dev: nothing on this machine serves ${options.host}:${options.port}, and it was not called`
      process.nextTick(() => this.destroy(Object.assign(new Error(text), { code: 'ECONNREFUSED' })))
      return this
    }
    return connect.call(this, redirected, normalized ? args[0][1] : args.find(arg => typeof arg === 'function'))
  }
}
