/** The parts of an OpenAPI 3.1 document that this server makes and shows. (OpenAPI Specification 3.1.0, section 4.8.) */
export interface OpenApiDocument {
  openapi: string
  info: { title: string; version: string; description: string }
  servers: { url: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, SecurityScheme> }
}

export interface Operation {
  operationId: string
  summary: string
  description?: string
  tags: string[]
  security?: Record<string, string[]>[]
  parameters?: Parameter[]
  requestBody?: { description?: string; content: Record<string, { schema: Schema; example?: unknown }> }
  responses: Record<string, ApiResponse>
}

export interface Parameter {
  in: 'path' | 'query' | 'header'
  name: string
  required?: boolean
  description?: string
  example?: unknown
  schema: Schema
}

export interface ApiResponse {
  description: string
  headers?: Record<string, { description?: string; schema: Schema }>
  content?: Record<string, { schema: Schema }>
}

export interface SecurityScheme {
  type: string
  scheme?: string
  name?: string
  description: string
}

export interface Schema {
  $ref?: string
  title?: string
  type?: string
  format?: string
  description?: string
  enum?: unknown[]
  examples?: unknown[]
  required?: string[]
  properties?: Record<string, Schema>
  additionalProperties?: Schema | false
  items?: Schema
  anyOf?: Schema[]
}
