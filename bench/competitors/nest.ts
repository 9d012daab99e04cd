/** A NestJS microservice over TCP: a request and its response, as JSON. */
import "reflect-metadata"
import type { AddressInfo, Server } from "node:net"
import { Controller, Module } from "@nestjs/common"
import { NestFactory } from "@nestjs/core"
import { MessagePattern, type MicroserviceOptions, Transport } from "@nestjs/microservices"
import { announce } from "../lib/serverProcess.ts"

class EchoController {
  echo(text: string): string {
    return text
  }
}

class EchoModule {}

// The decorators as what they are: functions.
const method = Object.getOwnPropertyDescriptor(EchoController.prototype, "echo")
if (method === undefined) throw new Error("no method to decorate")
MessagePattern("echo")(EchoController.prototype, "echo", method)
Controller()(EchoController)
Module({ controllers: [EchoController] })(EchoModule)

const app = await NestFactory.createMicroservice<MicroserviceOptions>(EchoModule, {
  transport: Transport.TCP,
  options: { host: "127.0.0.1", port: 0 },
  logger: ["error"]
})
await app.listen()
const address: AddressInfo | string | null = app.unwrap<Server>().address()
if (address !== null && typeof address === "object") announce(address.port)
