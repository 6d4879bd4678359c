/** The environment of a call: whose projects, data and runs it may see. */
export interface Environment {
  id: number;
  organizationId: number;
  name: string;
}
